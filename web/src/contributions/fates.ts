import { server } from "../server/client.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import { read } from "../storage/database.ts";
import type { Fate } from "../storage/tables.ts";
import * as ownPhotos from "./own_photos.ts";

/**
 * Asks the server what became of the photos that it has, and notes it; what has changed counts as unseen. Returns whether
 * it answered; what was known before stays known where it did not, and where something newer was learnt meanwhile.
 */
export async function refreshFates(): Promise<boolean> {
  const known = await read("registration");
  if (known === undefined) return true; // Nothing was ever sent.
  const before = await ownPhotos.rows();
  const fates = await asked(() => server(known).fates());
  if (fates === null) return false;
  for (const { id, fate } of before) {
    const newest = fates.get(id);
    if (newest === undefined || isSame(fate, newest)) continue;
    await ownPhotos.changeRow(id, (row) => (isSame(row.fate, fate) ? { ...row, fate: newest, seenAt: null } : row));
  }
  return true;
}

async function asked<Answer>(call: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ServerUnreachable || error instanceof ServerRefused) return null;
    throw error;
  }
}

function isSame(one: Fate | null, other: Fate | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
