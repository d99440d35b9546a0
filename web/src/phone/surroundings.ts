import { isUnmetered } from "../server/connection.ts";
import type { Surroundings } from "./phone.ts";

/** Battery Status, which not every browser has. */
interface BatteryNavigator {
  getBattery?(): Promise<{ readonly charging: boolean }>;
}

/** Who has not touched the app for so long does not use it. */
const IDLE_MILLISECONDS = 60_000;

let touchedAt = Date.now();

for (const kind of ["pointerdown", "keydown", "scroll"]) {
  addEventListener(kind, touched, { capture: true, passive: true });
}

/** Where the phone is at the moment, as far as the browser tells. */
export async function surroundings(): Promise<Surroundings> {
  const isIdle = document.visibilityState === "hidden" || Date.now() - touchedAt >= IDLE_MILLISECONDS;
  return { isUnmetered: isUnmetered(), isCharging: await isCharging(), isIdle };
}

async function isCharging(): Promise<boolean | null> {
  const battery = await (navigator as BatteryNavigator).getBattery?.();
  return battery === undefined ? null : battery.charging;
}

function touched(): void {
  touchedAt = Date.now();
}
