import type { PhotoRow } from "../storage/tables.ts";
import { t } from "../words/words.ts";
import { nameOf } from "./label_name.ts";

/** What a photo shows: what the resident said, else what the phone said. */
export function titleOf({ answer, correction }: PhotoRow): string {
  if (correction !== null) return nameOf(correction.label);
  return answer.label === "unsure" ? t("photo.said.unsure", { label: nameOf(answer.bestLabel) }) : nameOf(answer.label);
}
