import { signal } from "@preact/signals";
import { TAKE_OVER } from "./service_worker/messages.ts";

/** Whether a newer version of the app is here, and waits to be used. */
export const isAppUpdateReady = signal(false);

let registration: ServiceWorkerRegistration | undefined;

/**
 * Loads the page anew as soon as another version of the app has taken over, so that none of the old version meets files
 * of the new one. To be called before all else: another page may take it while this one starts.
 */
export function followVersion(): void {
  if (!("serviceWorker" in navigator)) return;
  let hasController = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (hasController) location.reload();
    hasController = true;
  });
}

/**
 * Starts the service worker, which keeps the app for use without a network.
 *
 * A newer version is used once no page is open any more, or when the resident takes it (`takeAppUpdate`).
 */
export async function startServiceWorker(): Promise<void> {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return; // Only a build has one.
  registration = await registered();
  registration?.addEventListener("updatefound", followInstalling);
  followInstalling(); // Another page may have found it.
  noteWaiting();
  void lookForUpdate(); // By itself, a browser looks some time after a page was loaded, and an app may stay open for days.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void lookForUpdate();
  });
}

/** Uses the version that waits: this page and all others load anew. */
export function takeAppUpdate(): void {
  registration?.waiting?.postMessage(TAKE_OVER);
}

async function registered(): Promise<ServiceWorkerRegistration | undefined> {
  try {
    return await navigator.serviceWorker.register("/app/service-worker.js", {
      scope: "/app/",
      updateViaCache: "none",
    });
  } catch (error) {
    if (!isForeign(error)) throw error;
    return undefined; // This browser keeps nothing (private browsing, or so told): all works while there is a network.
  }
}

async function lookForUpdate(): Promise<void> {
  try {
    await registration?.update();
  } catch (error) {
    if (!isForeign(error)) throw error; // No network: another time.
  }
}

function isForeign(error: unknown): boolean {
  return error instanceof DOMException || error instanceof TypeError;
}

function followInstalling(): void {
  registration?.installing?.addEventListener("statechange", noteWaiting);
}

function noteWaiting(): void {
  isAppUpdateReady.value = registration?.waiting != null && navigator.serviceWorker.controller !== null;
}
