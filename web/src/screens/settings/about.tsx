import { useEffect, useState } from "preact/hooks";
import { Card } from "../../parts/card.tsx";
import { APP_VERSION } from "../../phone/app_version.ts";
import { installation } from "../../server/installation.ts";
import { t } from "../../words/words.ts";

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

/** Whose app this is; null until that is known. */
function useCity(): string | null {
  const [city, setCity] = useState<string | null>(null);
  useEffect(() => {
    installation().then(
      ({ name }) => {
        setCity(name);
      },
      () => {
        setCity(null); // No network yet, and nothing kept: it is shown another time.
      },
    );
  }, []);
  return city;
}
