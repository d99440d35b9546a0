import { whenUnmetered } from "../server/connection.ts";
import { nextTry, sendNow, SYNC_TAG } from "./sending.ts";

/** Background Sync, which not every browser has. */
interface Syncing {
  readonly sync?: { register(tag: string): Promise<void> };
  readonly periodicSync?: { register(tag: string, options: { minInterval: number }): Promise<void> };
}

const DAY_MILLISECONDS = 24 * 3_600_000;

let retry: ReturnType<typeof setTimeout> | undefined;

/** Sends in the background what waits; if this page is closed first, the browser does it where it can, else the next page. */
export function sendSoon(): void {
  void askForSync();
  void sendAndPlan();
}

/**
 * For every page, from its start on: sends what waits now, when the network is back or begins to cost nothing, and when
 * the app is looked at.
 */
export function startSending(): void {
  addEventListener("online", sendSoon);
  whenUnmetered(sendSoon);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") sendSoon();
  });
  void askForPeriodicSync();
  sendSoon();
}

async function sendAndPlan(): Promise<void> {
  await sendNow();
  const next = (await nextTry()) ?? 0;
  clearTimeout(retry); // Only now: of several that have sent at once, one plans the next try.
  // What is not to be tried at a known time waits for one of the events above.
  if (next > Date.now()) retry = setTimeout(sendSoon, next - Date.now());
}

async function askForSync(): Promise<void> {
  const worker = await serviceWorker();
  try {
    await worker?.sync?.register(SYNC_TAG);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // The resident does not allow it: this page sends.
  }
}

async function askForPeriodicSync(): Promise<void> {
  const worker = await serviceWorker();
  try {
    await worker?.periodicSync?.register(SYNC_TAG, { minInterval: DAY_MILLISECONDS });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // Only installed apps that are used often are allowed to.
  }
}

async function serviceWorker(): Promise<Syncing | undefined> {
  if (!("serviceWorker" in navigator)) return undefined;
  return (await navigator.serviceWorker.getRegistration()) as Syncing | undefined;
}
