import { NotAPhoto, PhotoTooLarge, RuntimeMissing } from "../model/model_errors.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import { DevicePhone } from "./device_phone.worker.ts";
import { lifeLock } from "./load_watch.ts";
import type { Calls, Method, Reply, Request, Start } from "./messages.ts";
import type { PhoneErrorCode } from "./phone.ts";

declare const self: DedicatedWorkerGlobalScope;

/** The first message starts the phone; the worker's name is the tab's. */
const phone = new Promise<Calls>((resolve) => {
  self.onmessage = ({ data }: MessageEvent<Start>) => {
    self.onmessage = ({ data }: MessageEvent<Request>) => void answer(data);
    void live(() => {
      const emit = (event: Extract<Reply, { kind: "event" }>["event"]) => {
        reply({ kind: "event", event });
      };
      resolve(new DevicePhone(self.name, data.left, emit));
    });
  };
});

/** Holds the lock of this worker from before `begin` to its end. */
async function live(begin: () => void): Promise<void> {
  await navigator.locks.request(lifeLock(self.name), () => {
    reply({ kind: "living" });
    begin();
    return new Promise(() => undefined);
  });
}

async function answer({ id, method, arguments: values }: Request): Promise<void> {
  try {
    reply({ kind: "result", id, result: await called(await phone, method, values) });
  } catch (error) {
    reply({ kind: "failure", id, code: codeOf(error), message: String(error) });
  }
}

function called(device: Calls, method: Method, values: readonly unknown[]): Promise<unknown> {
  const call = device[method] as (this: Calls, ...values: unknown[]) => Promise<unknown>;
  return call.call(device, ...values);
}

/** What is not foreseen stops the phone: it may be broken. */
function codeOf(error: unknown): PhoneErrorCode {
  if (error instanceof NotAPhoto) return "no_photo";
  if (error instanceof PhotoTooLarge) return "photo_too_large";
  if (error instanceof DOMException) return "storage_failed";
  const hasNoModel = [RuntimeMissing, ServerRefused, ServerUnreachable, UpdateRefused].some(
    (kind) => error instanceof kind,
  );
  return hasNoModel ? "no_model" : "phone_stopped";
}

function reply(message: Reply): void {
  self.postMessage(message);
}
