import { choose, isOnline } from "../../app_state.ts";
import { forgetPhone } from "../../contributions/photos.ts";
import { defaults } from "../../storage/settings.ts";
import { t } from "../../words/words.ts";
import { Irreversible } from "./irreversible.tsx";

/** Afterwards the app welcomes whoever opens it, as at the first visit. */
export function Forget() {
  return (
    <Irreversible
      title={t("privacy.forget")}
      why={t("privacy.forget.why")}
      question={t("privacy.forget.title")}
      consequences={t("privacy.forget.sure")}
      confirmLabel={t("privacy.forget.confirm")}
      act={async () => {
        await forgetPhone();
        await choose(defaults);
      }}
      done={() => `${t("privacy.forget.done")} ${isOnline.value ? "" : t("privacy.told_later")}`}
    />
  );
}
