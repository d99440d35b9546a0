import { useEffect, useState } from "preact/hooks";
import { guide } from "../../app_state.ts";
import { fallbacks, inLanguage } from "../../guide/guide_answer.ts";
import { Card } from "../../parts/card.tsx";
import { APP_VERSION } from "../../phone/app_version.ts";
import { installation } from "../../server/installation.ts";
import { language, t } from "../../words/words.ts";

export function About() {
  const city = useCity();
  return (
    <Card title={t("settings.about")}>
      <p>
        {city !== null && t("settings.about.city", { city })}
        <span class="hint">{t("settings.about.version", { version: APP_VERSION })}</span>
      </p>
      <p class="hint">{t("settings.about.licence")}</p>
    </Card>
  );
}

/** Whose app this is: as the guide says it in the reader's language, else as the installation does; null until known. */
function useCity(): string | null {
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    installation().then(
      (known) => {
        setName(known.name);
      },
      () => {
        setName(null); // No network yet, and nothing kept: it is shown another time.
      },
    );
  }, []);
  const said = guide.value;
  return said === null ? name : inLanguage(said.names, fallbacks(said, language.value));
}
