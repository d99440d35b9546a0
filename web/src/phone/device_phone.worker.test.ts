import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeLocks } from "../../tests/fakes/locks.ts";
import { later } from "../../tests/later.ts";
import { PATIENT } from "../../tests/patience.ts";
import { DevicePhone } from "./device_phone.worker.ts";
import { NONE } from "./installed_models.ts";
import type { ActiveModel } from "./model_store.ts";
import type { PhoneEvent } from "./phone.ts";

const NEARBY = { isUnmetered: true, isCharging: true, isIdle: true };

const store = vi.hoisted(() => ({ openBest: vi.fn<() => Promise<unknown>>(), installed: vi.fn(), bundled: vi.fn() }));

vi.mock("../model/litert.worker.ts", () => ({ runtimeVersion: "2.5.3" }));
vi.mock("../server/installation.ts", () => ({
  trustedRoot: () => Promise.resolve(new Uint8Array()),
  newestInstallation: () => Promise.resolve({ bundled: { manifestSha256: "1" } }),
}));
vi.mock("../storage/settings.ts", () => ({ settings: () => Promise.resolve({}) }));
vi.mock("./acceleration.ts", () => ({ tryWebGpu: () => Promise.resolve() }));
vi.mock("./cohort.ts", () => ({ cohortId: () => Promise.resolve("phone") }));
vi.mock("./follow_updates.ts", () => ({
  follow: (_: unknown, model: unknown) => Promise.resolve({ state: "up_to_date", model }),
}));
vi.mock("./phone_parts.worker.ts", () => ({
  phoneParts: () =>
    Promise.resolve({ store, usage: {}, downloads: {}, installation: { updatesUrl: "/updates", city: null } }),
}));

function modelOf(version: number): ActiveModel {
  const manifest = { version, label_set: { labels: [] }, evaluation: { accuracy: 0.9, outside: null } };
  const classifier = { accelerator: "wasm", close: () => undefined };
  return { digest: String(version), isBundled: version === 1, manifest, classifier } as unknown as ActiveModel;
}

/** What the page is told, and a tab beside it. */
let told: PhoneEvent[];
let other: BroadcastChannel;

beforeEach(() => {
  vi.stubGlobal("location", { origin: "https://city.example" });
  vi.stubGlobal("navigator", { locks: fakeLocks() });
  told = [];
  other = new BroadcastChannel("phone");
  store.openBest.mockReset().mockResolvedValueOnce(modelOf(1));
  store.installed.mockResolvedValue({ ...NONE, bundled: "1" });
  store.bundled.mockResolvedValue({ manifest: { created_at: "2026-11-01T00:00:00Z" } });
});

afterEach(() => {
  other.close();
  vi.unstubAllGlobals();
});

test("what another tab has installed is opened once, however often and by whom it is found", async () => {
  const phone = new DevicePhone("tab", [], (event) => told.push(event));
  await phone.open();
  const opening = later<ActiveModel>();
  store.openBest.mockReturnValue(opening.promise);
  store.installed.mockResolvedValue({ ...NONE, active: "2", bundled: "1" });
  for (const kind of ["swapped", "swapped"]) other.postMessage({ kind });
  other.postMessage({ kind: "download", receivedBytes: 1, totalBytes: 1 }); // It comes after them.
  await vi.waitFor(() => {
    expect(told.at(-1)?.kind).toBe("download");
  }, PATIENT);
  const updating = phone.update(NEARBY);
  await new Promise((resolve) => setTimeout(resolve)); // All begin that can.
  expect(store.openBest).toHaveBeenCalledTimes(2);
  opening.resolve(modelOf(2));
  expect(await updating).toEqual({ state: "up_to_date", release: 2 });
  expect(store.openBest).toHaveBeenCalledTimes(2);
  expect(told.at(-1)).toMatchObject({ kind: "model", model: { release: 2 } });
});
