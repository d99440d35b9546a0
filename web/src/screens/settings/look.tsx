import { choose, settings } from "../../app_state.ts";
import { Card } from "../../parts/card.tsx";
import { Segmented } from "../../parts/choices.tsx";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { LanguageChoice } from "../language_choice.tsx";

const THEMES = ["system", "light", "dark"] as const;

export function Look() {
  const keeping = useAct();
  return (
    <Card title={t("settings.look")}>
      <LanguageChoice />
      <Segmented
        legend={t("settings.theme")}
        options={THEMES.map((theme) => ({ value: theme, label: t(`settings.theme.${theme}`) }))}
        value={settings.value.theme}
        onChange={(theme) => {
          keeping.run(() => choose({ theme }));
        }}
      />
      <p class="hint">{t("settings.text")}</p>
      <Failed act={keeping} />
    </Card>
  );
}
