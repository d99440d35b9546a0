import { guide } from "../app_state.ts";
import { model } from "../model_state.ts";
import { labelName } from "../guide/guide_answer.ts";
import { language } from "../words/words.ts";

/**
 * What people call a label: as the city's guide does in their language, else as the model does in English, else by its
 * id: a label of a model from long ago.
 */
export function nameOf(label: string): string {
  const ofModel = () => model.value?.labels.find((each) => each.id === label)?.name;
  return labelName(guide.value, label, language.value) ?? ofModel() ?? label.replaceAll("_", " ");
}
