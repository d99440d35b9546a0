import type { MetadataStore } from "./metadata_store.ts";

/** Where updates come from, and where what was verified last is remembered. */
export interface UpdateSource {
  /** Address of the folder that holds `metadata/` and `targets/`. */
  readonly updatesUrl: string;
  /** root.json as the app was given it; all trust begins here. */
  readonly trustedRoot: Uint8Array;
  /** Losing it loses the protection against older metadata. */
  readonly store: MetadataStore;
  readonly files: PartialFiles;
  readonly fetch: typeof fetch;
  readonly clock: () => Date;
  /** When the bundled release was made; a clock that says less is wrong. */
  readonly bundledAt: Date;
}

/**
 * Files on the way, which survive a restart. Only what was signed is ever asked for, but nothing in here has been
 * verified. Rejects with the browser's own errors (`QuotaExceededError` where there is no room).
 */
export interface PartialFiles {
  /** Bytes of a file; 0 where there is none. */
  size(name: string): Promise<number>;
  append(name: string, content: Uint8Array): Promise<void>;
  /** All of a file; empty where there is none. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Removes a file if there is one. */
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
  /** How many bytes still fit, as far as the browser tells; Infinity where it does not. */
  roomBytes(): Promise<number>;
}

/** Model files that are on this phone already, which a patch may start from. */
export interface KnownModels {
  /** SHA-256 of each, in lower-case hexadecimal digits. */
  digests(): Promise<readonly string[]>;
  read(digest: string): Promise<Uint8Array<ArrayBuffer>>;
}
