import { lifeLock } from "./load_watch.ts";

const PREFIX = "wastelens.left.";

/**
 * Whether a tab ended because its resident closed it or put it away, which is no crash of its model.
 *
 * That is written to `localStorage`, since nothing else is sure to be written while a page goes. It is also written when
 * a page is hidden: a system that needs memory ends hidden pages without a word.
 */
export function noteLeaving(tab: string): void {
  const note = () => {
    if (document.visibilityState === "hidden") notes()?.setItem(PREFIX + tab, "");
    else notes()?.removeItem(PREFIX + tab);
  };
  document.addEventListener("visibilitychange", note);
  addEventListener("pagehide", () => notes()?.setItem(PREFIX + tab, ""));
  addEventListener("pageshow", note);
  note();
}

/** The tabs that were left; some may come back. */
export function leftTabs(): readonly string[] {
  return Object.keys(notes() ?? {})
    .filter((key) => key.startsWith(PREFIX))
    .map((key) => key.slice(PREFIX.length));
}

/** Forgets those of `tabs` that cannot come back. */
export async function forgetEnded(tabs: readonly string[]): Promise<void> {
  const { held = [] } = await navigator.locks.query();
  const living = new Set(held.map((lock) => lock.name));
  for (const tab of tabs) {
    if (!living.has(lifeLock(tab))) notes()?.removeItem(PREFIX + tab);
  }
}

/** Null where the browser gives none; then nothing is installed either. */
function notes(): Storage | null {
  try {
    return localStorage;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
