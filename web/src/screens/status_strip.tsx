import { isOnline, keepsNothing } from "../app_state.ts";
import { isAppUpdateReady, takeAppUpdate } from "../app_update.ts";
import { Button } from "../parts/button.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";
import { t } from "../words/words.ts";

export type Status = "keeps_nothing" | "app_update" | "offline";

const ICONS: Readonly<Record<Status, IconName>> = {
  keeps_nothing: "warning",
  app_update: "download",
  offline: "offline",
};

/** The most urgent of what concerns the whole app; null where nothing does. */
export function currentStatus(): Status | null {
  if (keepsNothing.value) return "keeps_nothing";
  if (!isOnline.value) return "offline";
  return isAppUpdateReady.value ? "app_update" : null;
}

/** One line beside the navigation, where it moves nothing that one is looking at. */
export function StatusStrip({ status }: { readonly status: Status }) {
  return (
    <aside class={`status ${status}`} aria-label={t("status")}>
      <Icon name={ICONS[status]} size={1.25} />
      <span>{t(`status.${status}`)}</span>
      {status === "app_update" && (
        <Button kind="plain" onClick={takeAppUpdate}>
          {t("status.app_update.take")}
        </Button>
      )}
    </aside>
  );
}
