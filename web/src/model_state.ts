import { signal } from "@preact/signals";
import { guide, isGuideRead } from "./app_state.ts";
import { type Answer, type Phone, PhoneError, type PhoneEvent, type RunningModel } from "./phone/phone.ts";

/** `opening`: it is read from the phone. `loading`: it comes from the network. `unavailable`: nothing answers here. */
export type ModelState =
  | { readonly kind: "opening" }
  | { readonly kind: "loading"; readonly receivedBytes: number; readonly totalBytes: number }
  | { readonly kind: "ready" }
  | { readonly kind: "unavailable"; readonly code: string };

/** The model that answers now; null until there is one. It stays while a newer one is loaded. */
export const model = signal<RunningModel | null>(null);

export const modelState = signal<ModelState>({ kind: "opening" });

let phone: Phone | null = null;
let opened: Promise<RunningModel> | null = null;

/** Opens the model and the guide in the background; what comes of it is told by the signals. */
export function startModel(connected: Phone): void {
  phone = connected;
  phone.listen(follow);
  void readGuide(phone);
  addEventListener("online", () => {
    if (modelState.value.kind === "unavailable") openModel();
  });
  openModel();
}

/** Tries again where no model could be opened; so does the app itself once the network is back. */
export function openModel(): void {
  if (phone === null || modelState.value.kind === "ready") return;
  modelState.value = { kind: "opening" };
  opened = phone.open();
  opened.then(show, (error: unknown) => {
    modelState.value = { kind: "unavailable", code: error instanceof PhoneError ? error.code : "phone_stopped" };
  });
}

/** Waits for the model, however long it takes, and for its answer. Rejects with `PhoneError`. */
export async function classify(photo: Blob): Promise<Answer> {
  if (phone === null || opened === null) throw new PhoneError("no_model", "The model was never opened.");
  await opened;
  return phone.classify(photo);
}

function follow(event: PhoneEvent): void {
  switch (event.kind) {
    case "download":
      // Another tab may bring what this one could not: only that it is tried here, too, ends in a model here.
      if (model.value === null && modelState.value.kind !== "unavailable") {
        modelState.value = { ...event, kind: "loading" };
      }
      break;
    case "model":
      show(event.model);
      break;
    case "guide":
      guide.value = event.guide;
      isGuideRead.value = true;
      break;
  }
}

function show(running: RunningModel): void {
  opened = Promise.resolve(running); // Also where it had failed, and the phone has got one since.
  model.value = running;
  modelState.value = { kind: "ready" };
}

async function readGuide(from: Phone): Promise<void> {
  try {
    const kept = await from.guide();
    guide.value ??= kept; // A newer one may have come meanwhile.
  } catch (error) {
    // Without the phone there is no guide either; that it cannot be had is shown with the model.
    if (!(error instanceof PhoneError)) throw error;
  } finally {
    isGuideRead.value = true;
  }
}
