/// <reference lib="webworker" />
import { nextTry, SYNC_TAG, sendNow } from "../contributions/sending.ts";
import { TAKE_OVER } from "./messages.ts";
import { Shell } from "./shell.ts";

declare const self: ServiceWorkerGlobalScope;
/** File names below /app/ with a digest each, filled in by the build. */
declare const SHELL: Readonly<Record<string, string>>;
/** The same of the model's runtime, in all its builds. */
declare const RUNTIME_FILES: Readonly<Record<string, string>>;

const shell = new Shell(SHELL, RUNTIME_FILES);

self.addEventListener("install", (event) => {
  event.waitUntil(shell.fill());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(shell.removeOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const answer = shell.answer(event.request);
  if (answer !== null) event.respondWith(answer);
});

// A newer version waits until nobody uses the one before, or until the resident takes it: pages and worker are always
// of one version.
self.addEventListener("message", (event) => {
  if (event.data === TAKE_OVER) event.waitUntil(self.skipWaiting());
});

// The browser says that there is a network again, also when no page is open. Where it fails, it comes back by itself.
for (const kind of ["sync", "periodicsync"]) {
  self.addEventListener(kind, (event) => {
    const asked = event as ExtendableEvent & { readonly tag: string };
    if (asked.tag === SYNC_TAG) asked.waitUntil(sendWhatWaits());
  });
}

async function sendWhatWaits(): Promise<void> {
  const { failure } = await sendNow();
  if (failure !== null) throw failure;
  if ((await nextTry()) !== null) throw new Error("The server has asked to come back later.");
}
