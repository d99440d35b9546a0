import { Button, LinkButton } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { nameOf } from "../label_name.ts";
import type { Shown } from "./shown.ts";

/** What the resident said, and what can be done with it. */
export function YourSay({
  id,
  shown,
  onChange,
}: {
  readonly id: string;
  readonly shown: Shown;
  readonly onChange: () => void;
}) {
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
      <Next id={id} state={shown.state} />
    </section>
  );
}

function Next({ id, state }: { readonly id: string; readonly state: Shown["state"] }) {
  if (state !== "only_here") {
    return (
      <LinkButton href={addressOf("photo", id)} isWide>
        {t("answer.see_mine")}
      </LinkButton>
    );
  }
  return (
    <>
      <p class="hint">{t("answer.share.why")}</p>
      <LinkButton href={addressOf("share", id)} kind="main" icon="send" isWide>
        {t("answer.share")}
      </LinkButton>
    </>
  );
}
