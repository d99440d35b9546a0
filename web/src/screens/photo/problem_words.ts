import type { Problem } from "../../storage/tables.ts";
import { t } from "../../words/words.ts";

const KNOWN = ["photo_refused", "unsupported_format", "too_large", "too_many", "photo_lost"] as const;

/** Why the city's server did not take something; in its own words where it says what this app has no words for. */
export function problemWords({ code, detail }: Problem): string {
  const known = KNOWN.find((each) => each === code);
  return known === undefined ? t("photo.problem.other", { detail }) : t(`photo.problem.${known}`);
}
