import { signal } from "@preact/signals";
import type { Answer } from "../../phone/phone.ts";

/** An answer whose photo could not be kept: it lasts as long as this page. */
export interface Passing {
  readonly photo: Blob;
  readonly answer: Answer;
}

/** Stands in addresses where other answers have the id of their photo. */
export const PASSING = "passing";

export const passing = signal<Passing | null>(null);
