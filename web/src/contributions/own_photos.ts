import type { IDBPObjectStore } from "idb";
import { database } from "../storage/database.ts";
import type { PhotoRow, Pictures, StoredPictures, Tables } from "../storage/tables.ts";
import { announce } from "./changes.ts";
import { ContributionError } from "./problems.ts";
import type { Kept } from "./rules.ts";

/**
 * Where the resident's own photos are kept. Whatever a function here has changed is on the disk when it returns, whole
 * or not at all, and every tab was told.
 */

/** Rejects with `ContributionError` (`storage_full`) if there is no room. */
export async function add({ row, pictures }: Kept): Promise<void> {
  try {
    await write(async (stores) => {
      await stores.pictures.put(stored(pictures), row.id);
      await stores.rows.put(row);
    });
  } catch (error) {
    throw error instanceof DOMException && error.name === "QuotaExceededError"
      ? new ContributionError("storage_full", "There is no room for this photo.")
      : error;
  }
}

/**
 * Replaces a photo by what `change` makes of it (null: nothing is left), in one transaction, and returns what became of
 * it; undefined if there is no such photo. Where `change` throws, nothing has changed.
 */
export async function change(id: string, change: (kept: Kept) => Kept | null): Promise<Kept | null | undefined> {
  return write(async ({ rows, pictures }) => {
    const before = joined(await rows.get(id), await pictures.get(id));
    const after = before && change(before);
    if (after === null) {
      await pictures.delete(id);
      await rows.delete(id);
    } else if (after !== undefined) {
      if (after.pictures !== before?.pictures) await pictures.put(stored(after.pictures), id);
      await rows.put(after.row);
    }
    return after;
  });
}

/** Like `change` for what the pictures have no part in. */
export function changeRow(id: string, how: (row: PhotoRow) => PhotoRow): Promise<Kept | null | undefined> {
  return change(id, ({ row, pictures }) => ({ row: how(row), pictures }));
}

export async function find(id: string): Promise<Kept | undefined> {
  const transaction = (await database()).transaction(["photos", "pictures"]);
  const found = [transaction.objectStore("photos").get(id), transaction.objectStore("pictures").get(id)] as const;
  return joined(await found[0], await found[1]);
}

export async function rows(): Promise<PhotoRow[]> {
  return (await database()).getAll("photos");
}

/** As they were read last: a browser makes new objects of the same pictures at each reading. */
let readLast: ReadonlyMap<string, StoredPictures> = new Map();

/** All of them. Pictures that were not written since the last call are the same objects, so that none is drawn anew. */
export async function all(): Promise<Kept[]> {
  const transaction = (await database()).transaction(["photos", "pictures"]);
  const [found, keys, pictures] = await Promise.all([
    transaction.objectStore("photos").getAll(),
    transaction.objectStore("pictures").getAllKeys(),
    transaction.objectStore("pictures").getAll(),
  ]);
  const byId = new Map<string, StoredPictures>();
  for (const [place, read] of pictures.entries()) {
    const id = keys[place] ?? "";
    const before = readLast.get(id);
    byId.set(id, before?.version === read.version ? before : read);
  }
  readLast = byId;
  return found.map((row) => joined(row, byId.get(row.id))).filter((each) => each !== undefined);
}

/** Removes all of them. */
export async function clear(): Promise<void> {
  await write(async ({ rows, pictures }) => {
    await pictures.clear();
    await rows.clear();
  });
}

interface Stores {
  readonly rows: IDBPObjectStore<Tables, ("photos" | "pictures")[], "photos", "readwrite">;
  readonly pictures: IDBPObjectStore<Tables, ("photos" | "pictures")[], "pictures", "readwrite">;
}

/** All that `work` does is written, or nothing of it. */
async function write<Result>(work: (stores: Stores) => Promise<Result>): Promise<Result> {
  const transaction = (await database()).transaction(["photos", "pictures"], "readwrite", { durability: "strict" });
  const stores = { rows: transaction.objectStore("photos"), pictures: transaction.objectStore("pictures") };
  const working = work(stores).catch((error: unknown) => {
    undo(transaction);
    throw error;
  });
  const [result] = await Promise.all([working, transaction.done]);
  announce();
  return result;
}

/** Without this, a browser would commit what was written before the failure. */
function undo(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // It was undone already, which is what was wanted.
  }
}

function stored({ photo, thumbnail }: Pictures): StoredPictures {
  return { photo, thumbnail, version: crypto.randomUUID() };
}

function joined(row: PhotoRow | undefined, pictures: Pictures | undefined): Kept | undefined {
  return row && { row, pictures: pictures ?? { photo: null, thumbnail: null } };
}
