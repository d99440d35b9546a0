import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { database, read } from "../storage/database.ts";
import { LoadWatch, type Trial } from "./load_watch.ts";
import { PATIENT } from "../../tests/patience.ts";

const ON_GPU: Trial = { version: 2, digest: "a", accelerator: "webgpu" };
const ON_CPU: Trial = { version: 2, digest: "a", accelerator: "wasm" };

beforeEach(async () => {
  await (await database()).clear("documents");
  vi.stubGlobal("navigator", { locks: { query: () => Promise.resolve({ held: [] }) } });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Begins what never ends. */
async function begin(watch: LoadWatch, trial: Trial): Promise<void> {
  const before = (await read("loadAttempts"))?.length ?? 0;
  void watch.watching(trial, () => new Promise(() => undefined));
  await vi.waitFor(async () => {
    expect(await read("loadAttempts")).toHaveLength(before + 1);
  }, PATIENT);
}

test("an answer that ends well takes nothing else off the watch", async () => {
  const watch = new LoadWatch("dead");
  await begin(watch, ON_GPU);
  await watch.watching(ON_CPU, () => Promise.resolve());
  expect(await new LoadWatch("next").leftOver([])).toEqual([{ tab: "dead", ...ON_GPU }]);
});

test("what ran beside a trial of WebGPU is not blamed for its crash", async () => {
  const watch = new LoadWatch("dead");
  await begin(watch, ON_CPU);
  await begin(watch, ON_GPU);
  expect(await new LoadWatch("next").leftOver([])).toEqual([{ tab: "dead", ...ON_GPU }]);
});

test("a crash while two photos wait for their answers is one", async () => {
  const watch = new LoadWatch("dead");
  await begin(watch, ON_CPU);
  await begin(watch, ON_CPU);
  expect(await new LoadWatch("next").leftOver([])).toHaveLength(1);
});

test("a tab that begins while another one asks who lives has not crashed", async () => {
  await begin(new LoadWatch("dead"), ON_CPU);
  const beginning = new LoadWatch("beginning");
  const query = async () => {
    await begin(beginning, ON_CPU); // It holds its lock only since this was asked.
    return { held: [] };
  };
  vi.stubGlobal("navigator", { locks: { query } });
  expect(await new LoadWatch("next").leftOver([])).toEqual([{ tab: "dead", ...ON_CPU }]);
  expect(await read("loadAttempts")).toEqual([{ tab: "beginning", ...ON_CPU }]);
});
