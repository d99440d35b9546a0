import { isOnline, settings } from "../../app_state.ts";
import { isUnmetered } from "../../server/connection.ts";
import type { Hindrance } from "./became.ts";

/** What keeps photos from being sent at the moment. */
export function hindrance(): Hindrance {
  if (!isOnline.value) return "network";
  return settings.value.sendsOnUnmeteredOnly && isUnmetered() !== true ? "wifi" : null;
}
