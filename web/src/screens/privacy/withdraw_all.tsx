import { isOnline } from "../../app_state.ts";
import { withdrawAll } from "../../contributions/photos.ts";
import { t } from "../../words/words.ts";
import { Irreversible } from "./irreversible.tsx";

/** `count`: photos that the city has, or is about to get. */
export function WithdrawAll({ count }: { readonly count: number }) {
  if (count === 0) return null;
  return (
    <Irreversible
      title={t("privacy.withdraw")}
      why={t("privacy.withdraw.why")}
      question={t("privacy.withdraw.title")}
      consequences={t("privacy.withdraw.sure", { n: count })}
      confirmLabel={t("privacy.withdraw.confirm")}
      act={withdrawAll}
      done={() => `${t("privacy.withdraw.done")} ${isOnline.value ? "" : t("privacy.told_later")}`}
    />
  );
}
