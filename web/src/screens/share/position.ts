import type { Choice, Precision } from "../../storage/tables.ts";

/** After this the phone may be somewhere else than the photo: at home, say, where it is looked at in peace. */
const SAME_PLACE_MILLISECONDS = 15 * 60_000;
const PATIENCE_MILLISECONDS = 10_000;
const OLDEST_MILLISECONDS = 60_000;

/** Whether where the phone is now says where the photo was taken. */
export function isSamePlace(takenAt: number, now: number): boolean {
  return now - takenAt < SAME_PLACE_MILLISECONDS;
}

/** Where the phone is; null where none is to be told, or the phone does not tell. */
export async function position(precision: Precision): Promise<Choice["location"]> {
  if (precision === "none" || !("geolocation" in navigator)) return null;
  return new Promise((resolve) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords: { latitude, longitude } }) => {
        resolve({ latitude, longitude });
      },
      () => {
        resolve(null);
      },
      {
        enableHighAccuracy: precision === "exact",
        timeout: PATIENCE_MILLISECONDS,
        maximumAge: OLDEST_MILLISECONDS,
      },
    );
  });
}
