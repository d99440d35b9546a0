import { choose, settings } from "../../app_state.ts";
import { Card } from "../../parts/card.tsx";
import { RadioRows, Toggle } from "../../parts/choices.tsx";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { MayUse } from "../may_use.tsx";

const PRECISIONS = ["exact", "street", "district", "none"] as const;

/** What a photo begins with; nothing here sends anything. */
export function Sharing() {
  const keeping = useAct();
  const { sends, precision } = settings.value;
  return (
    <Card title={t("settings.sharing")}>
      <p class="hint">{t("settings.sharing.why")}</p>
      <div class="rows">
        <Toggle
          label={t("settings.sends")}
          hint={t("settings.sends.why")}
          isOn={sends}
          onChange={(isOn) => {
            keeping.run(() => choose({ sends: isOn }));
          }}
        />
      </div>
      {sends && (
        <>
          <MayUse
            choice={settings.value}
            onChange={(change) => {
              keeping.run(() => choose(change));
            }}
          />
          <RadioRows
            legend={t("settings.place")}
            options={PRECISIONS.map((each) => ({
              value: each,
              label: t(`share.place.${each}`),
              hint: t(`share.place.why.${each}`),
            }))}
            value={precision}
            onChange={(chosen) => {
              keeping.run(() => choose({ precision: chosen }));
            }}
          />
          <p class="hint">{t("settings.place.why")}</p>
        </>
      )}
      <Failed act={keeping} />
    </Card>
  );
}
