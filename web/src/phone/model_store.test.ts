import { readFileSync } from "node:fs";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ModelError, SelfTestFailed } from "../model/model_errors.ts";
import { database, read } from "../storage/database.ts";
import { sha256Hex } from "../updates/digests.ts";
import { readManifest } from "../updates/manifest.ts";
import { memoryFiles } from "../updates/memory_files.ts";
import type { PartialFiles } from "../updates/update_source.ts";
import { tryWebGpu } from "./acceleration.ts";
import { LoadWatch } from "./load_watch.ts";
import { ModelStore } from "./model_store.ts";
import { type Release, ReleaseFiles } from "./release_files.ts";
import type { Accelerator, OpenClassifier } from "./shared_classifier.ts";
import { PATIENT } from "../../tests/patience.ts";

const PUBLISHED = new URL("../../../mobile_models/releases/2/manifest.json", import.meta.url);
const ANSWER = { label: "glass", bestLabel: "glass", scores: { glass: 1 }, group: null, novelty: null };
const PHOTO = new Blob(["a photo"]);

/** What the phone's disk holds, and what it will meet. */
let files: PartialFiles;
let counted: string[];
let fails: Map<number, Error>;
let dies: Set<number>;
let living: string[];
let isOnline: boolean;
let opened: [version: number, accelerator: Accelerator][];
let closed: number[];
let failsOnGpu: boolean;

beforeEach(async () => {
  await (await database()).clear("documents");
  files = memoryFiles();
  counted = [];
  fails = new Map();
  dies = new Set();
  living = [];
  isOnline = true;
  opened = [];
  closed = [];
  failsOnGpu = false;
  const query = () => Promise.resolve({ held: living.map((name) => ({ name })) });
  vi.stubGlobal("navigator", { locks: { query } });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The phone, switched on in another tab: of what was before, only what is on the disk is left. */
function switchOn({ tab = "tab", runtimeVersion = "2.5.3", bundled = () => release(1) } = {}): ModelStore {
  return new ModelStore({
    files: new ReleaseFiles(files),
    watch: new LoadWatch(tab),
    runtimeVersion,
    usage: {
      count: (version, counter) => Promise.resolve(void counted.push(`${version} ${counter}`)),
      refused: (version, reason) => Promise.resolve(void counted.push(`${version} refused: ${reason}`)),
    },
    open: (_, { version }, accelerator) => open(version, accelerator),
    fetchBundled: () => (isOnline ? bundled() : Promise.reject(new Error("no network"))),
    exclusively: (work) => work(),
  });
}

function open(version: number, accelerator: Accelerator): Promise<OpenClassifier> {
  opened.push([version, accelerator]);
  if (dies.has(version)) return new Promise(() => undefined); // The process ends here.
  const failure = fails.get(version);
  if (failure !== undefined) return Promise.reject(failure);
  let isClosed = false;
  const unlessClosed = <Result>(result: Result) =>
    isClosed ? Promise.reject(new ModelError("it is not in memory any more")) : Promise.resolve(result);
  return Promise.resolve({
    accelerator,
    feed: () => Promise.resolve(new Uint8Array(1)),
    answer: () => (dies.has(-version) ? new Promise(() => undefined) : unlessClosed(ANSWER)),
    pace: () => {
      if (failsOnGpu && accelerator === "webgpu") return Promise.reject(new ModelError("the device is lost"));
      return unlessClosed(accelerator === "webgpu" ? 5 : 20);
    },
    close: () => {
      isClosed = true;
      closed.push(version);
    },
  });
}

async function release(version: number): Promise<Release> {
  const model = new TextEncoder().encode(`model ${version}`);
  const manifest = JSON.parse(readFileSync(PUBLISHED, "utf8")) as { model: object };
  const changed = { ...manifest, version, model: { ...manifest.model, sha256: await sha256Hex(model) } };
  const manifestContent = new TextEncoder().encode(JSON.stringify(changed));
  const digest = await sha256Hex(manifestContent);
  return { digest, manifestContent, manifest: readManifest(manifestContent), model };
}

async function install(store: ModelStore, version: number) {
  const { digest, manifestContent, model } = await release(version);
  const prepared = await store.prepare(digest, manifestContent, () => Promise.resolve(model));
  await store.activate(prepared);
  return prepared;
}

/** The version that runs after a start. */
async function runs(store: ModelStore, left: readonly string[] = []): Promise<number> {
  return (await store.openBest(left)).manifest.version;
}

/** Starts, and dies while `version` is loaded. */
async function dieLoading(version: number, tab = "dead"): Promise<Accelerator | undefined> {
  dies.add(version);
  opened = [];
  void switchOn({ tab }).openBest([]);
  await vi.waitFor(() => {
    expect(opened.map(([each]) => each)).toContain(version);
  }, PATIENT);
  dies.delete(version);
  return opened.at(-1)?.[1];
}

async function names(): Promise<readonly string[]> {
  return [...(await files.names())].sort();
}

async function filesOf(...versions: readonly number[]): Promise<readonly string[]> {
  const digests = await Promise.all(versions.map(async (version) => (await release(version)).digest));
  return digests.flatMap((digest) => [`${digest}.json`, `${digest}.tflite`]).sort();
}

test("a new phone fetches the release that came with the app, and needs no network afterwards", async () => {
  expect(await runs(switchOn())).toBe(1);
  isOnline = false;
  expect(await runs(switchOn())).toBe(1);
  expect(counted).toEqual(["1 loads", "1 loads"]);
});

test("a new phone without a network says so", async () => {
  isOnline = false;
  await expect(switchOn().openBest([])).rejects.toThrow("no network");
});

test("what is installed runs after each start, and the release before is kept", async () => {
  const store = switchOn();
  await runs(store);
  await install(store, 2);
  await install(store, 3);
  await install(store, 4);
  expect(await runs(switchOn())).toBe(4);
  expect(await names()).toEqual(await filesOf(1, 3, 4));
  expect(counted.filter((each) => each.endsWith("installed"))).toEqual(["2 installed", "3 installed", "4 installed"]);
});

test.each([
  ["self_test_failed", new SelfTestFailed("seed 1: off by 3")],
  ["model_broken", new ModelError("the runtime cannot load it")],
])("a release that is %s is never used, and not downloaded again", async (reason, failure) => {
  const store = switchOn();
  await runs(store);
  fails.set(2, failure);
  await expect(install(store, 2)).rejects.toMatchObject({ reason });
  expect(await runs(switchOn())).toBe(1);
  expect(await names()).toEqual(await filesOf(1));
  expect(counted).toContain(`2 refused: ${reason}`);
  const { digest } = await release(2);
  await expect(store.checkNotRefused(digest)).rejects.toMatchObject({ reason });
});

test("another runtime may run what this one refused", async () => {
  const store = switchOn();
  await runs(store);
  fails.set(2, new ModelError("an operator is not known"));
  await expect(install(store, 2)).rejects.toThrow();
  const { digest } = await release(2);
  const updated = switchOn({ runtimeVersion: "2.6.0" });
  await expect(updated.checkNotRefused(digest)).resolves.toBeUndefined();
});

test("a release whose files have changed gives way to the one before, and may come again", async () => {
  const store = switchOn();
  await runs(store);
  await install(store, 2);
  const { digest } = await install(store, 3);
  await files.append(`${digest}.tflite`, new Uint8Array([1]));
  expect(await runs(switchOn())).toBe(2);
  expect(counted).toContain("3 rolled_back");
  await expect(store.checkNotRefused(digest)).resolves.toBeUndefined();
  expect((await install(switchOn(), 3)).manifest.version).toBe(3);
});

test("where the app comes with the release that runs here as an update, its files stay as they are", async () => {
  const store = switchOn({ bundled: () => release(2) });
  await install(store, 2);
  const append = vi.spyOn(files, "append");
  await store.renewBundled();
  expect([append.mock.calls, (await store.installed()).bundled]).toEqual([[], (await release(2)).digest]);
});

test("where the browser has cleared all files, the release that came with the app is fetched again", async () => {
  const store = switchOn();
  await runs(store);
  await install(store, 2);
  for (const name of await files.names()) await files.remove(name);
  expect(await runs(switchOn())).toBe(1);
  expect(await names()).toEqual(await filesOf(1));
});

test("a release that ends the app while it is loaded is never run again", async () => {
  await runs(switchOn());
  const store = switchOn({ tab: "dead" });
  const { digest, manifestContent, model } = await release(2);
  dies.add(2);
  void store.prepare(digest, manifestContent, () => Promise.resolve(model));
  await vi.waitFor(() => {
    expect(opened.at(-1)).toEqual([2, "wasm"]);
  }, PATIENT);
  const again = switchOn();
  expect(await runs(again)).toBe(1);
  await expect(again.checkNotRefused(digest)).rejects.toMatchObject({ reason: "crashed" });
  expect(counted).toEqual(["1 loads", "2 load_crashes", "2 refused: crashed", "1 loads"]);
});

test("a new release that ends the app at its first answer gives way to the one before", async () => {
  const store = switchOn({ tab: "dead" });
  await runs(store);
  const prepared = await install(store, 2);
  dies.add(-2);
  void store.classify(prepared, PHOTO);
  await vi.waitFor(async () => {
    expect(await read("loadAttempts")).toHaveLength(1);
  }, PATIENT);
  expect(await runs(switchOn())).toBe(1);
  expect(counted).toContain("2 rolled_back");
});

test("a release that has answered before is given up after the second crash in a row", async () => {
  let store = switchOn();
  await runs(store);
  await install(store, 2);
  for (let round = 0; round < 2; round++) {
    await store.classify(await store.openBest([]), PHOTO); // A crash, an answer, and a crash are not two in a row.
    await dieLoading(2);
    store = switchOn();
    expect(await runs(store)).toBe(2);
  }
  await dieLoading(2);
  expect(await runs(switchOn())).toBe(1);
});

test("the release that came with the app is never given up", async () => {
  await runs(switchOn());
  await dieLoading(1);
  await dieLoading(1);
  expect(await runs(switchOn())).toBe(1);
  expect(counted.filter((each) => each === "1 load_crashes")).toHaveLength(2);
});

test("who closes the app while a model is loaded has not seen it crash", async () => {
  await install(switchOn(), 2);
  await dieLoading(2, "closed");
  expect(await runs(switchOn(), ["closed"])).toBe(2);
  expect(counted).not.toContain("2 load_crashes");
});

test("a model that another tab is loading has not crashed", async () => {
  await install(switchOn(), 2);
  await dieLoading(2, "other");
  living = ["phone-other"];
  expect(await runs(switchOn())).toBe(2);
  expect(counted).not.toContain("2 load_crashes");
});

test("a crash on WebGPU is blamed on it, and not on the release", async () => {
  const store = switchOn();
  await runs(store);
  const { digest } = await install(store, 2);
  await store.choose(digest, "webgpu");
  expect(await dieLoading(2)).toBe("webgpu");
  expect(await runs(switchOn())).toBe(2);
  expect(opened.at(-1)).toEqual([2, "wasm"]);
});

test("what was chosen for one runtime is not taken for another", async () => {
  const store = switchOn();
  const { digest } = await install(store, 2);
  await store.choose(digest, "webgpu");
  expect(await store.chosen(digest)).toBe("webgpu");
  expect(await switchOn({ runtimeVersion: "2.6.0" }).chosen(digest)).toBeNull();
});

test("a full disk changes nothing that was installed, and leaves nothing behind", async () => {
  const store = switchOn();
  await runs(store);
  const append = files.append.bind(files);
  files = {
    ...files,
    append: (name, content) =>
      name.endsWith(".json") ? Promise.reject(new DOMException("full", "QuotaExceededError")) : append(name, content),
  };
  const full = switchOn();
  await expect(install(full, 2)).rejects.toMatchObject({ reason: "disk_full" });
  expect(await names()).toEqual(await filesOf(1));
  expect(await runs(full)).toBe(1);
});

test("where nothing can be kept at all, the release that came with the app still answers", async () => {
  files = { ...files, append: () => Promise.reject(new DOMException("full", "QuotaExceededError")) };
  const store = switchOn();
  const model = await store.openBest([]);
  expect(await store.classify(model, PHOTO)).toEqual(ANSWER);
});

test("a photo that is read while another release takes over is answered by the one it was read for", async () => {
  const store = switchOn();
  const before = await store.openBest([]);
  const answers = [store.classify(before, PHOTO), store.classify(before, PHOTO)];
  before.classifier.close();
  expect(await Promise.all(answers)).toEqual([ANSWER, ANSWER]);
  expect(closed).toEqual([1]);
});

test("a release that takes over while WebGPU is tried does not end the trial of the one before", async () => {
  Object.assign(navigator, { gpu: { requestAdapter: () => Promise.resolve({}) } });
  const store = switchOn();
  const before = await store.openBest([]);
  const trial = tryWebGpu(store, before);
  before.classifier.close();
  await trial;
  expect(await store.chosen(before.digest)).toBe("webgpu");
  expect(closed).toEqual([1, 1]);
});

test("what passes its self-tests on WebGPU and then fails there stays where it ran, and is not tried again", async () => {
  Object.assign(navigator, { gpu: { requestAdapter: () => Promise.resolve({}) } });
  const store = switchOn();
  const model = await store.openBest([]);
  failsOnGpu = true;
  await tryWebGpu(store, model);
  expect(await store.chosen(model.digest)).toBe("wasm");
  expect(closed).toEqual([1]);
  await tryWebGpu(store, model);
  expect(opened.filter(([, accelerator]) => accelerator === "webgpu")).toHaveLength(1);
});

test("patches may start from all that is here", async () => {
  const store = switchOn();
  await runs(store);
  await install(store, 2);
  await install(store, 3);
  const known = await store.knownModels();
  const wanted = await Promise.all([3, 2, 1].map(async (version) => (await release(version)).manifest.model.sha256));
  expect(await known.digests()).toEqual(wanted);
  expect(new TextDecoder().decode(await known.read(wanted[1] ?? ""))).toBe("model 2");
});
