import type { DownloadConditions } from "../updates/channel_pointer.ts";
import type { Surroundings } from "./phone.ts";

/**
 * Whether a model may be downloaded now. `conditions` are the city's, `onUnmeteredOnly` is the resident's own choice.
 *
 * Where the browser does not tell what kind of network this is (no Network Information), only the resident can know:
 * then the download waits while the choice is `onUnmeteredOnly`, and goes ahead where any network will do. A charger
 * that the browser does not tell of counts as none. What the resident asks for now is asked with all of them true.
 */
export function allows(
  conditions: DownloadConditions,
  { isUnmetered, isCharging, isIdle }: Surroundings,
  onUnmeteredOnly: boolean,
): boolean {
  const mayCost = !onUnmeteredOnly && (isUnmetered === null || !conditions.unmetered_only);
  return (
    (isUnmetered === true || mayCost) &&
    (isCharging === true || !conditions.charging_only) &&
    (isIdle || !conditions.idle_only)
  );
}
