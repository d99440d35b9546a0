/** Network Information, which not every browser has, and some only in part. */
interface Connection {
  readonly type?: string;
  readonly saveData?: boolean;
}

const UNMETERED = new Set(["wifi", "ethernet"]);

/** Whether bytes cost nothing here; null where the browser does not tell. */
export function isUnmetered(): boolean | null {
  const { connection } = navigator as { readonly connection?: Connection };
  if (connection?.saveData === true) return false;
  return connection?.type === undefined || connection.type === "unknown" ? null : UNMETERED.has(connection.type);
}
