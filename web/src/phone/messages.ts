import type { Phone, PhoneErrorCode, PhoneEvent } from "./phone.ts";

/** What pages ask of the phone's worker: everything but `listen`. */
export type Calls = Omit<Phone, "listen">;
export type Method = keyof Calls;

/** The first message to a worker; its name is the tab's. */
export interface Start {
  /** Tabs that their resident has left. */
  readonly left: readonly string[];
}

export interface Request<M extends Method = Method> {
  readonly id: number;
  readonly method: M;
  readonly arguments: Parameters<Calls[M]>;
}

export type Reply =
  /** The worker lives: it holds its `lifeLock`. */
  | { readonly kind: "living" }
  | { readonly kind: "event"; readonly event: PhoneEvent }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly code: PhoneErrorCode; readonly message: string };
