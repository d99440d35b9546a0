import { choose, settings } from "../app_state.ts";
import { Segmented } from "../parts/choices.tsx";
import { language, LANGUAGE_NAMES, LANGUAGES, t } from "../words/words.ts";
import { Failed, useAct } from "./act.tsx";

/** Each language under its own name, so that everybody finds theirs. */
export function LanguageChoice() {
  const keeping = useAct();
  return (
    <>
      <Segmented
        legend={t("settings.language")}
        options={LANGUAGES.map((each) => ({ value: each, label: LANGUAGE_NAMES[each], lang: each }))}
        value={settings.value.language ?? language.value}
        onChange={(chosen) => {
          keeping.run(() => choose({ language: chosen }));
        }}
      />
      <Failed act={keeping} />
    </>
  );
}
