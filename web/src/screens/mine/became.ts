import type { IconName } from "../../parts/icon.tsx";
import type { PhotoRow } from "../../storage/tables.ts";
import { t } from "../../words/words.ts";

/** What became of a photo, in a few words, with a drawing that says the same. */
export interface Became {
  readonly words: string;
  readonly icon: IconName;
  readonly tone: "plain" | "good" | "problem";
}

/** What holds back what waits; null: nothing that the phone knows of. */
export type Hindrance = "network" | "wifi" | null;

/** `nameOf` gives the words for a label. */
export function becameOf(photo: PhotoRow, hindrance: Hindrance, nameOf: (label: string) => string): Became {
  switch (photo.state) {
    case "only_here":
      return { words: t("became.only_here"), icon: "phone", tone: "plain" };
    case "waiting":
      return waits(hindrance);
    case "sending":
      return { words: t("became.sending"), icon: "send", tone: "plain" };
    case "refused":
      return { words: t("became.refused"), icon: "warning", tone: "problem" };
    case "withdrawn":
      return { words: t("became.withdrawn"), icon: "undo", tone: "plain" };
    case "sent":
      return atTheCity(photo, nameOf);
  }
}

function waits(hindrance: Hindrance): Became {
  switch (hindrance) {
    case "network":
      return { words: t("became.waits_network"), icon: "offline", tone: "plain" };
    case "wifi":
      return { words: t("became.waits_wifi"), icon: "wifi", tone: "plain" };
    case null:
      return { words: t("became.waits"), icon: "clock", tone: "plain" };
  }
}

function atTheCity({ fate, choice }: PhotoRow, nameOf: (label: string) => string): Became {
  switch (fate?.state) {
    case undefined:
      return { words: t("became.sent"), icon: "send", tone: "plain" };
    case "received":
      return { words: t("became.received"), icon: "clock", tone: "plain" };
    case "quarantined":
    case "hidden":
      return { words: t("became.set_aside"), icon: "minus", tone: "plain" };
    case "withdrawn":
      return { words: t("became.withdrawn"), icon: "undo", tone: "plain" };
    case "inspected":
      break;
  }
  const newest = Math.max(0, ...fate.inReleases);
  if (newest > 0) return { words: t("became.in_model", { release: newest }), icon: "model", tone: "good" };
  if (fate.isAccepted === true) return { words: t("became.counted"), icon: "check", tone: "good" };
  if (fate.isAccepted === null) {
    return choice.allowsReview
      ? { words: t("became.waits_review"), icon: "eye", tone: "plain" }
      : { words: t("became.arrived"), icon: "check", tone: "plain" };
  }
  return fate.goldLabel === null
    ? { words: t("became.not_usable"), icon: "minus", tone: "plain" }
    : { words: t("became.decided", { label: nameOf(fate.goldLabel) }), icon: "check", tone: "plain" };
}

/** Whether something was decided that the resident has not looked at. */
export function isNews({ fate, seenAt }: PhotoRow): boolean {
  if (fate === null || seenAt !== null) return false;
  return fate.isAccepted !== null || fate.inReleases.length > 0 || fate.state === "quarantined";
}
