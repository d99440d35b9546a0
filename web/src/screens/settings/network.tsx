import { choose, settings } from "../../app_state.ts";
import { Card } from "../../parts/card.tsx";
import { Toggle } from "../../parts/choices.tsx";
import { isUnmetered } from "../../server/connection.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";

export function Network() {
  const keeping = useAct();
  const { sendsOnUnmeteredOnly, updatesOnUnmeteredOnly } = settings.value;
  return (
    <Card title={t("settings.network")}>
      <div class="rows">
        <Toggle
          label={t("settings.send_wifi")}
          isOn={sendsOnUnmeteredOnly}
          onChange={(isOn) => {
            keeping.run(() => choose({ sendsOnUnmeteredOnly: isOn }));
          }}
        />
        <Toggle
          label={t("settings.update_wifi")}
          isOn={updatesOnUnmeteredOnly}
          onChange={(isOn) => {
            keeping.run(() => choose({ updatesOnUnmeteredOnly: isOn }));
          }}
        />
      </div>
      {(sendsOnUnmeteredOnly || updatesOnUnmeteredOnly) && isUnmetered() === null && (
        <p class="hint">{t("settings.wifi_unknown")}</p>
      )}
      <Failed act={keeping} />
    </Card>
  );
}
