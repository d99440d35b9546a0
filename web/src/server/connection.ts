/** Network Information, which not every browser has, and some only in part. */
interface Connection extends Partial<EventTarget> {
  readonly type?: string;
  readonly saveData?: boolean;
}

const UNMETERED = new Set(["wifi", "ethernet"]);

/** Whether bytes cost nothing here; null where the browser does not tell. */
export function isUnmetered(): boolean | null {
  const connection = ofThisBrowser();
  if (connection?.saveData === true) return false;
  return connection?.type === undefined || connection.type === "unknown" ? null : UNMETERED.has(connection.type);
}

/** Calls `listener` each time that bytes begin to cost nothing, for as long as the page lives, where the browser tells. */
export function whenUnmetered(listener: () => void): void {
  let before = isUnmetered();
  // Browsers tell of every change, also of how fast it is.
  ofThisBrowser()?.addEventListener?.("change", () => {
    const now = isUnmetered();
    if (now === true && before !== true) listener();
    before = now;
  });
}

function ofThisBrowser(): Connection | undefined {
  return (navigator as { readonly connection?: Connection }).connection;
}
