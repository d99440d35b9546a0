import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** A service worker that becomes what the test says. */
const newer = new EventTarget();
let registration: EventTarget & { installing: EventTarget | null; waiting: EventTarget | null; update: () => unknown };
let container: EventTarget & { controller: object | null; register: () => Promise<unknown> };
const reload = vi.fn();

beforeEach(() => {
  vi.resetModules();
  vi.stubEnv("DEV", false);
  registration = Object.assign(new EventTarget(), {
    installing: null,
    waiting: null,
    update: () => Promise.resolve(registration),
  });
  container = Object.assign(new EventTarget(), { controller: {}, register: () => Promise.resolve(registration) });
  vi.stubGlobal("navigator", { serviceWorker: container });
  vi.stubGlobal("document", new EventTarget());
  vi.stubGlobal("location", { reload: reload.mockReset() });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("a newer version is offered also where it was found before this page began to look", async () => {
  registration.installing = newer;
  const { isAppUpdateReady, startServiceWorker } = await import("./app_update.ts");
  await startServiceWorker();
  expect(isAppUpdateReady.value).toBe(false);
  Object.assign(registration, { installing: null, waiting: newer });
  newer.dispatchEvent(new Event("statechange"));
  expect(isAppUpdateReady.value).toBe(true);
});

test("only a page that another version has answered before is loaded anew", async () => {
  const { followVersion } = await import("./app_update.ts");
  container.controller = null;
  followVersion();
  container.dispatchEvent(new Event("controllerchange"));
  expect(reload).not.toHaveBeenCalled();
  container.dispatchEvent(new Event("controllerchange"));
  expect(reload).toHaveBeenCalledTimes(1);
});
