import { settings } from "../../app_state.ts";
import { Button } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { t } from "../../words/words.ts";
import { nameOf } from "../label_name.ts";
import type { Shown } from "./shown.ts";

/** What the resident said, and what can be done with it. */
export function YourSay({ shown, onChange }: { readonly shown: Shown; readonly onChange: () => void }) {
  return (
    <section class="card your-say">
      <div class="your-say-words">
        <Icon name="check" />
        <p>
          <strong>
            {shown.correction === null
              ? t("answer.confirmed")
              : t("answer.corrected", { label: nameOf(shown.correction.label) })}
          </strong>
          {shown.correction !== null && shown.answer.label !== "unsure" && (
            <span class="hint">{t("answer.corrected.model", { label: nameOf(shown.answer.label) })}</span>
          )}
        </p>
        <Button kind="plain" onClick={onChange}>
          {t("answer.change")}
        </Button>
      </div>
      {shown.state === "only_here" && settings.value.sends && <p class="hint">{t("answer.share.why")}</p>}
    </section>
  );
}
