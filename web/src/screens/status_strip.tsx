import { isOnline, keepsNothing } from "../app_state.ts";
import { Icon } from "../parts/icon.tsx";
import { t } from "../words/words.ts";

export type Status = "keeps_nothing" | "offline";

/** The most urgent of what concerns the whole app; null where nothing does. */
export function currentStatus(): Status | null {
  if (keepsNothing.value) return "keeps_nothing";
  return isOnline.value ? null : "offline";
}

/** One line beside the navigation, where it moves nothing that one is looking at. */
export function StatusStrip({ status }: { readonly status: Status }) {
  const isWarning = status === "keeps_nothing";
  return (
    <p class={`status${isWarning ? " warning" : ""}`}>
      <Icon name={isWarning ? "warning" : "offline"} size={1.25} />
      <span>{t(`status.${status}`)}</span>
    </p>
  );
}
