import { change, read } from "../storage/database.ts";

/** A name by which this phone finds its side of each rollout: made here, always the same, and told to nobody. */
export async function cohortId(): Promise<string> {
  return (await read("cohortId")) ?? (await change("cohortId", (before) => before ?? crypto.randomUUID()));
}
