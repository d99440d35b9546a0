import { guide } from "../../app_state.ts";
import { answer, type GuideAnswer, today } from "../../guide/guide_answer.ts";
import { language } from "../../words/words.ts";

/** What the city's guide says about a label today, in the reader's language; null where it says nothing. */
export function guideOn(label: string): GuideAnswer | null {
  return guide.value === null ? null : answer(guide.value, label, language.value, today());
}
