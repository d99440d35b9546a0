import type { Guide } from "../guide/guide.ts";
import type { Answer } from "../storage/tables.ts";

export type { Answer };

/** The model in use. */
export interface RunningModel {
  readonly release: number;
  readonly isBundled: boolean;
  readonly labels: readonly { readonly id: string; readonly name: string }[];
  readonly createdAt: string;
  /** Share of photos it had never seen that it named rightly, as its manifest says. */
  readonly accuracy: number;
  /** The same of photos taken elsewhere than those it learnt from; null where that was not measured. */
  readonly outsideAccuracy: number | null;
  readonly accelerator: "webgpu" | "wasm";
}

/** Where the phone is at the moment; null where the browser does not tell, which counts as no. */
export interface Surroundings {
  readonly isUnmetered: boolean | null;
  readonly isCharging: boolean | null;
  readonly isIdle: boolean;
}

export type UpdateOutcome =
  | { readonly state: "up_to_date" | "updated" | "returned_to_bundled" | "postponed"; readonly release: number }
  | { readonly state: "refused"; readonly reason: string; readonly detail: string; readonly release: number };

export type PhoneEvent =
  | { readonly kind: "download"; readonly receivedBytes: number; readonly totalBytes: number }
  | { readonly kind: "model"; readonly model: RunningModel }
  | { readonly kind: "guide"; readonly guide: Guide };

/**
 * The phone as the pages see it: it answers without a network and follows signed updates. It lives in a worker, so
 * that no page freezes; `connect()` in `remote.ts` gives one.
 */
export interface Phone {
  /** Opens the newest model that works here; rejects with `PhoneError` if not even the bundled one does. */
  open(): Promise<RunningModel>;
  /** Rejects with `PhoneError`: `no_photo` for what cannot be read as a photo, `photo_too_large` for what is too large. */
  classify(photo: Blob): Promise<Answer>;
  /** Looks for updates of guide and model, and follows them as far as `surroundings` allow. Never rejects for a refusal. */
  update(surroundings: Surroundings): Promise<UpdateOutcome>;
  /** The city's guide that was verified last; null before the first. */
  guide(): Promise<Guide | null>;
  /** Calls `listener` until the returned function is called. */
  listen(listener: (event: PhoneEvent) => void): () => void;
}

/**
 * `no_photo`: this cannot be read as a photo. `photo_too_large`: it has more than 50 megapixels. `no_model`: no model runs
 * here, and none could be had (at the first visit, or after the browser has cleared its storage, that needs a network).
 * `storage_failed`: the browser gives no storage. `phone_stopped`: the phone broke off; asked again, it starts anew.
 */
export type PhoneErrorCode = "no_photo" | "photo_too_large" | "no_model" | "storage_failed" | "phone_stopped";

/** The phone cannot do what was asked; `code` names why, for whoever words it. */
export class PhoneError extends Error {
  override readonly name = "PhoneError";
  readonly code: PhoneErrorCode;

  constructor(code: PhoneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
