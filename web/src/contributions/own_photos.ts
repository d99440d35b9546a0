import { database } from "../storage/database.ts";
import type { PhotoRow, Pictures } from "../storage/tables.ts";
import { announce } from "./changes.ts";
import { ContributionError } from "./problems.ts";
import type { Kept } from "./rules.ts";

/**
 * Where the resident's own photos are kept. Whatever a function here has changed is on the disk when it returns, whole
 * or not at all, and every tab was told.
 */

/** Rejects with `ContributionError` (`storage_full`) if there is no room. */
export async function add(kept: Kept): Promise<void> {
  const transaction = (await database()).transaction(["photos", "pictures"], "readwrite", { durability: "strict" });
  const stores = [
    transaction.objectStore("photos").put(kept.row),
    transaction.objectStore("pictures").put(kept.pictures, kept.row.id),
  ];
  try {
    await Promise.all([...stores, transaction.done]);
  } catch (error) {
    throw error instanceof DOMException && error.name === "QuotaExceededError"
      ? new ContributionError("storage_full", "There is no room for this photo.")
      : error;
  }
  announce();
}

/**
 * Replaces a photo by what `change` makes of it (null: nothing is left), in one transaction, and returns what became of
 * it; undefined if there is no such photo. Where `change` throws, nothing has changed.
 */
export async function change(id: string, change: (kept: Kept) => Kept | null): Promise<Kept | null | undefined> {
  const transaction = (await database()).transaction(["photos", "pictures"], "readwrite", { durability: "strict" });
  const [rows, pictures] = [transaction.objectStore("photos"), transaction.objectStore("pictures")];
  const before = joined(await rows.get(id), await pictures.get(id));
  if (before === undefined) return undefined;
  const after = change(before);
  if (after === null) {
    await Promise.all([rows.delete(id), pictures.delete(id), transaction.done]);
  } else {
    const isRepainted = after.pictures !== before.pictures;
    const writes = [rows.put(after.row), ...(isRepainted ? [pictures.put(after.pictures, id)] : [])];
    await Promise.all([...writes, transaction.done]);
  }
  announce();
  return after;
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

export async function all(): Promise<Kept[]> {
  const transaction = (await database()).transaction(["photos", "pictures"]);
  const [found, keys, pictures] = await Promise.all([
    transaction.objectStore("photos").getAll(),
    transaction.objectStore("pictures").getAllKeys(),
    transaction.objectStore("pictures").getAll(),
  ]);
  const byId = new Map(keys.map((key, place) => [key, pictures[place]]));
  return found.map((row) => joined(row, byId.get(row.id))).filter((each) => each !== undefined);
}

/** Removes all of them. */
export async function clear(): Promise<void> {
  const transaction = (await database()).transaction(["photos", "pictures"], "readwrite", { durability: "strict" });
  await Promise.all([
    transaction.objectStore("photos").clear(),
    transaction.objectStore("pictures").clear(),
    transaction.done,
  ]);
  announce();
}

function joined(row: PhotoRow | undefined, pictures: Pictures | undefined): Kept | undefined {
  return row && { row, pictures: pictures ?? { photo: null, thumbnail: null } };
}
