import type { DBSchema } from "idb";

/**
 * All that the app keeps in IndexedDB, in one place. Model files and half downloads lie in the Origin Private File
 * System (`files.worker.ts`); what is listed here points to them.
 */
export interface Tables extends DBSchema {
  /** One document per key: see `Documents`. */
  documents: { key: string; value: unknown };
  /** Trusted TUF metadata under its file name, byte for byte as received. */
  metadata: { key: string; value: Uint8Array };
}

/** The documents, each changed as a whole in one transaction (`change` in `database.ts`). */
export interface Documents {
  settings: Settings;
}

export type Language = "en" | "vi" | "zh";
export type Precision = "exact" | "street" | "district" | "none";

/** What the resident has chosen. Where nothing is written, `defaults` in `settings.ts` hold. */
export interface Settings {
  /** Null: the browser's. */
  readonly language: Language | null;
  readonly theme: "system" | "light" | "dark";
  /** Whether the welcome was read; before, nothing may be kept or sent. */
  readonly isWelcomed: boolean;
  /** What a new photo begins with; each can be decided otherwise, and changed later. */
  readonly sends: boolean;
  readonly allowsReview: boolean;
  readonly allowsTraining: boolean;
  readonly precision: Precision;
  readonly sendsOnUnmeteredOnly: boolean;
  readonly updatesOnUnmeteredOnly: boolean;
}
