import { install, installing } from "../../installing.ts";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";

/** Offers what the browser offers; nothing where it offers nothing. */
export function Install() {
  const asking = useAct();
  switch (installing.value) {
    case "impossible":
      return null;
    case "installed":
      return (
        <Card title={t("settings.install")}>
          <p>{t("settings.installed")}</p>
        </Card>
      );
    case "by_hand":
      return (
        <Card title={t("settings.install")}>
          <p>{t("settings.install.why")}</p>
          <p>{t("settings.install.ios")}</p>
        </Card>
      );
    case "offered":
      return (
        <Card title={t("settings.install")}>
          <p>{t("settings.install.why")}</p>
          <Button
            icon="download"
            isBusy={asking.isBusy}
            onClick={() => {
              asking.run(install);
            }}
          >
            {t("settings.install.take")}
          </Button>
          <Failed act={asking} />
        </Card>
      );
  }
}
