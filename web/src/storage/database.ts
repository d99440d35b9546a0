import { type IDBPDatabase, openDB } from "idb";
import type { Documents, Tables } from "./tables.ts";

const NAME = "wastelens";
const VERSION = 1;

let opened: Promise<IDBPDatabase<Tables>> | undefined;

/** The one database of the app; page, worker and service worker each hold one connection. */
export function database(): Promise<IDBPDatabase<Tables>> {
  opened ??= openDB<Tables>(NAME, VERSION, {
    upgrade(tables) {
      tables.createObjectStore("documents");
      tables.createObjectStore("metadata");
      tables.createObjectStore("photos", { keyPath: "id" });
      tables.createObjectStore("pictures");
    },
    blocking(_current, _blocked, event) {
      // A newer version of the app wants to change the tables: it must not wait for this tab.
      (event.target as IDBDatabase).close();
      opened = undefined;
    },
    terminated() {
      opened = undefined; // The browser has cleared its storage, or gave up on it.
    },
  });
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}

/** Reads a document; undefined where it was never written. */
export async function read<Key extends keyof Documents>(key: Key): Promise<Documents[Key] | undefined> {
  return (await (await database()).get("documents", key)) as Documents[Key] | undefined;
}

/** Replaces a document by what `change` makes of it, in one transaction; `change` must not wait for anything. */
export async function change<Key extends keyof Documents>(
  key: Key,
  change: (before: Documents[Key] | undefined) => Documents[Key],
): Promise<Documents[Key]> {
  const transaction = (await database()).transaction("documents", "readwrite", { durability: "strict" });
  const replace = async () => {
    const after = change((await transaction.store.get(key)) as Documents[Key] | undefined);
    await transaction.store.put(after, key);
    return after;
  };
  const [after] = await Promise.all([replace(), transaction.done]);
  return after;
}

/** Forgets documents, all or none of them. */
export async function erase(...keys: (keyof Documents)[]): Promise<void> {
  const transaction = (await database()).transaction("documents", "readwrite", { durability: "strict" });
  await Promise.all([...keys.map((key) => transaction.store.delete(key)), transaction.done]);
}
