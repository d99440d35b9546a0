import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { City, phoneOf } from "../../tests/updates/city.ts";
import { CHUNK_BYTES, endless, hanging } from "../../tests/updates/static_web.ts";
import { factoryFile } from "../../tests/updates/vectors.ts";
import { downloadModel } from "./model_download.ts";
import type { Offer } from "./offer.ts";
import type { KnownModels, UpdateSource } from "./update_source.ts";
import { look, readGuide } from "./updater.ts";

const CHUNK = new Uint8Array(CHUNK_BYTES).fill(0x20);
const NO_MODELS: KnownModels = {
  digests: () => Promise.resolve([]),
  read: () => Promise.reject(new Error("there is none")),
};
const LIMITS: readonly (readonly [string, number])[] = [
  ["2.root.json", 512_000],
  ["timestamp.json", 16_384],
  ["1.snapshot.json", 2_000_000],
  ["1.targets.json", 5_000_000],
  ["1.channels.json", 5_000_000],
];

function looks(source: UpdateSource): Promise<Offer | null> {
  return look(source, "stable", "phone-1", [], "example");
}

async function offered(source: UpdateSource): Promise<Offer> {
  const offer = await looks(source);
  if (offer === null) throw new Error("nothing is offered");
  return offer;
}

function download(source: UpdateSource, offer: Offer): Promise<unknown> {
  return downloadModel(source, offer, NO_MODELS, () => undefined);
}

describe("a server that never stops sending", () => {
  it.each(LIMITS)("is left when %s has more bytes than it may", async (file, limit) => {
    const city = await City.found();
    const { source, store } = phoneOf(city);
    city.web.misbehave = (path) => (path.endsWith(file) ? new Response(endless(CHUNK)) : null);
    await expect(looks(source)).rejects.toMatchObject({ reason: "tampered_metadata" });
    expect(city.web.movedOf(file)).toBeLessThanOrEqual(limit + CHUNK_BYTES);
    expect([...store.contents.keys()].some((name) => name.endsWith(file.replace("1.", "")))).toBe(false);
  });

  it("is left when the model has more bytes than were signed, and nothing of it is kept", async () => {
    const city = await City.found();
    const { source } = phoneOf(city);
    const offer = await offered(source);
    city.web.misbehave = (path) => (path.endsWith(".tflite") ? new Response(endless(CHUNK)) : null);
    await expect(download(source, offer)).rejects.toMatchObject({ reason: "tampered_file" });
    expect(city.web.movedOf(".tflite")).toBeLessThanOrEqual(offer.model.length + CHUNK_BYTES);
    expect(await source.files.names()).toEqual([]);
  });

  it("is left when a guide is longer than guides may be, which holds up no model", async () => {
    const city = await City.found();
    city.documents.set("guides/example.json", new Uint8Array(512 * 1024 + 1));
    await city.publish(new Date("2026-06-01T12:00:00Z"));
    const { source } = phoneOf(city);
    expect((await offered(source)).manifest.version).toBe(1);
    expect(city.web.askedFor(".example.json")).toBe(0);
    expect(await readGuide(source, "example")).toBeNull();
  });
});

describe("a server that hardly sends anything", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(["2.root.json", "timestamp.json", "1.targets.json", "1.channels.json"])(
    "is left after a minute without the rest of %s",
    async (file) => {
      const city = await City.found();
      const { source } = phoneOf(city);
      city.web.misbehave = (path) => (path.endsWith(file) ? new Response(hanging(CHUNK)) : null);
      await expect(patiently(looks(source))).rejects.toMatchObject({ reason: "unreachable" });
      expect(city.web.movedOf(file)).toBe(CHUNK_BYTES);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("is left where a download hangs; what came stays, and the next try goes on from there", async () => {
    const city = await City.found();
    const { source } = phoneOf(city);
    const offer = await offered(source);
    city.web.misbehave = (path) =>
      path.endsWith(".tflite") ? new Response(hanging(factoryFile("model.tflite").subarray(0, 100))) : null;
    await expect(patiently(download(source, offer))).rejects.toMatchObject({ reason: "unreachable" });
    city.web.misbehave = () => null;
    city.web.moved.length = 0;
    expect(await download(source, offer)).toMatchObject({ content: factoryFile("model.tflite") });
    expect(city.web.movedOf(".tflite")).toBe(300);
  });

  it("is left where a download drips", async () => {
    const city = await City.found();
    const { source } = phoneOf(city);
    const offer = await offered(source);
    const one = new Uint8Array(1);
    city.web.misbehave = (path) => (path.endsWith(".tflite") ? new Response(dripping(one)) : null);
    await expect(patiently(download(source, offer))).rejects.toMatchObject({ reason: "unreachable" });
    expect(city.web.movedOf(".tflite")).toBeLessThan(100);
  });
});

/** Lets the time go by, a second at a time and only while something waits for it, until `work` has ended. */
async function patiently<Result>(work: Promise<Result>): Promise<Result> {
  const state = { hasEnded: false };
  const ended = work.finally(() => {
    state.hasEnded = true;
  });
  ended.catch(() => undefined); // Whoever asked is told below.
  while (!state.hasEnded) {
    await new Promise((resolve) => setImmediate(resolve));
    if (vi.getTimerCount() > 0) await vi.advanceTimersByTimeAsync(1000);
  }
  return ended;
}

/** Gives `content` every second. */
function dripping(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      controller.enqueue(content.slice());
    },
  });
}
