import { database } from "../storage/database.ts";

/**
 * Small files that a phone has verified, byte for byte as received.
 *
 * Guarantees: a write is whole or not there, also when the tab is killed, and is there when its promise resolves.
 */
export interface MetadataStore {
  /** Null where there is no such file. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
  write(name: string, content: Uint8Array): Promise<void>;
  names(): Promise<readonly string[]>;
  /**
   * Runs `work` while nobody else who shares this store runs theirs, so that no slower tab writes older metadata over
   * newer.
   */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
}

const LOCK = "updates";

/** The store of all tabs and workers of the app. */
export const indexedMetadata: MetadataStore = {
  async read(name) {
    const content = await (await database()).get("metadata", name);
    return content === undefined ? null : new Uint8Array(content);
  },
  async write(name, content) {
    const transaction = (await database()).transaction("metadata", "readwrite", { durability: "strict" });
    await Promise.all([transaction.store.put(content, name), transaction.done]);
  },
  async names() {
    return (await database()).getAllKeys("metadata");
  },
  async exclusively(work) {
    return await navigator.locks.request(LOCK, work);
  },
};
