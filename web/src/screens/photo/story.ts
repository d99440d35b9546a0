import type { IconName } from "../../parts/icon.tsx";
import type { Fate, PhotoRow } from "../../storage/tables.ts";
import { t } from "../../words/words.ts";

/** One thing that happened, or is about to. */
export interface Event {
  readonly icon: IconName;
  readonly words: string;
  /** Null where nobody noted it. */
  readonly at: Date | null;
  readonly tone: "plain" | "good" | "problem";
}

/** What became of a photo, from the first to the last. `nameOf` gives the words for a label. */
export function storyOf(photo: PhotoRow, nameOf: (label: string) => string): readonly Event[] {
  return [
    event("camera", t("photo.story.taken"), { at: new Date(photo.takenAt) }),
    ...opinion(photo, nameOf),
    ...(photo.fate === null ? [] : atTheCity(photo, photo.fate, nameOf)),
    ...end(photo),
  ];
}

function opinion(photo: PhotoRow, nameOf: (label: string) => string): readonly Event[] {
  if (photo.correction !== null) {
    return [event("undo", t("photo.story.corrected", { label: nameOf(photo.correction.label) }))];
  }
  return photo.isConfirmed ? [event("check", t("photo.story.confirmed"))] : [];
}

function atTheCity(photo: PhotoRow, fate: Fate, nameOf: (label: string) => string): readonly Event[] {
  const arrived = event("send", t("photo.story.arrived"), { at: new Date(fate.receivedAt) });
  if (fate.state === "quarantined" || fate.state === "hidden") {
    return [arrived, event("minus", t("photo.story.set_aside"))];
  }
  return [arrived, ...checked(fate, nameOf), ...fate.inReleases.map((release) => learned(photo, fate, release))];
}

function checked({ isAccepted, goldLabel }: Fate, nameOf: (label: string) => string): readonly Event[] {
  if (isAccepted === null) return [];
  if (goldLabel === null) return [event("minus", t("photo.story.checked_unusable"))];
  const label = nameOf(goldLabel);
  return isAccepted
    ? [event("check", t("photo.story.checked_counts", { label }), { tone: "good" })]
    : [event("check", t("photo.story.checked_other", { label }))];
}

/** A correction that reviewers decided against was not learned, though the photo was. */
function learned(photo: PhotoRow, fate: Fate, release: number): Event {
  const isCorrection = photo.correction !== null && fate.isAccepted === true;
  const words = isCorrection
    ? t("photo.story.correction_in_model", { release })
    : t("photo.story.photo_in_model", { release });
  return event("model", words, { tone: "good" });
}

function end({ state }: PhotoRow): readonly Event[] {
  switch (state) {
    case "waiting":
    case "sending":
      return [event("clock", t("photo.story.waits"))];
    case "refused":
      return [event("warning", t("photo.story.refused"), { tone: "problem" })];
    case "withdrawn":
      return [event("undo", t("photo.story.withdrawn"))];
    case "only_here":
    case "sent":
      return [];
  }
}

function event(icon: IconName, words: string, more: Partial<Pick<Event, "at" | "tone">> = {}): Event {
  return { icon, words, at: null, tone: "plain", ...more };
}
