import { ownPhotos } from "../../app_state.ts";
import type { Answer } from "../../phone/phone.ts";
import type { Correction, PhotoState } from "../../storage/tables.ts";
import { PASSING, passing } from "./passing.ts";

/** What the screen of an answer shows: a kept photo, or one that passes. */
export interface Shown {
  /** Null where it could not be kept, so that nothing can be said about it. */
  readonly id: string | null;
  readonly photo: Blob | null;
  readonly answer: Answer;
  readonly correction: Correction | null;
  readonly isConfirmed: boolean;
  readonly state: PhotoState;
}

/** Undefined: still being read. Null: there is no such photo (any more). */
export function shownAs(id: string): Shown | null | undefined {
  if (id === PASSING) {
    const { value } = passing;
    return value && { ...value, id: null, correction: null, isConfirmed: false, state: "only_here" };
  }
  if (ownPhotos.value === null) return undefined;
  const own = ownPhotos.value.find((each) => each.id === id && each.state !== "withdrawn");
  return own === undefined ? null : { ...own, photo: own.photo ?? own.thumbnail };
}

/** The label that counts: what the resident says, else the model. `unsure` where neither knows. */
export function labelOf({ correction, answer }: Shown): string {
  return correction?.label ?? answer.label;
}

/** Whether it is too far from all that the model learnt from: then its scores say nothing. */
export function isNovel({ novelty }: Answer): boolean {
  return novelty !== null && novelty > 1;
}

/** Labels from the likeliest to the least likely. */
export function byLikelihood({ scores }: Answer): readonly { readonly label: string; readonly score: number }[] {
  return Object.entries(scores)
    .map(([label, score]) => ({ label, score }))
    .sort((one, other) => other.score - one.score);
}
