/// <reference lib="webworker" />
import { Shell } from "./shell.ts";

declare const self: ServiceWorkerGlobalScope;
/** File names below /app/ with a digest each, filled in by the build. */
declare const SHELL: Readonly<Record<string, string>>;

const shell = new Shell(SHELL);

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
