import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { Notice } from "../../parts/notice.tsx";
import type { LastLook } from "../../storage/tables.ts";
import { isLooking, lastLook, look } from "../../updating.ts";
import { dayAndTime } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { refusalWords } from "./refusal_words.ts";

/** When the phone looked for updates last and what came of it, and the way to look now. */
export function Updates() {
  const looking = useAct();
  const last = lastLook.value;
  return (
    <Card title={t("model_info.updates")}>
      <p>
        {last === null
          ? t("model_info.never_checked")
          : t("model_info.checked", { moment: dayAndTime(new Date(last.at)) })}
      </p>
      <div role="status">{last !== null && <Outcome last={last} />}</div>
      <Button
        icon="retry"
        isBusy={isLooking.value}
        onClick={() => {
          looking.run(() => look(true));
        }}
      >
        {t(isLooking.value ? "model_info.looking" : "model_info.look")}
      </Button>
      <Failed act={looking} />
    </Card>
  );
}

function Outcome({ last }: { readonly last: LastLook }) {
  const { release } = last;
  switch (last.state) {
    case "up_to_date":
      return <Notice kind="good">{t("model_info.up_to_date")}</Notice>;
    case "updated":
      return <Notice kind="good">{t("model_info.new", { release })}</Notice>;
    case "returned_to_bundled":
      return <Notice kind="info">{t("model_info.returned")}</Notice>;
    case "postponed":
      return <Notice kind="info">{t("model_info.postponed")}</Notice>;
    case "refused":
      return (
        <Notice kind={last.reason === "unreachable" ? "info" : "warning"} title={t("model_info.not_taken")}>
          <p>{refusalWords(last.reason ?? "")}</p>
          <p>{t("refused.keeps", { release })}</p>
        </Notice>
      );
  }
}
