import { describe, expect, it } from "vitest";
import { City, phoneOf, SIGNED_AT } from "../../tests/updates/city.ts";
import { patchOf, repeated } from "../../tests/updates/patch_maker.ts";
import { factoryFile } from "../../tests/updates/vectors.ts";
import { sha256Hex } from "./digests.ts";
import { downloadModel, removeDownloads } from "./model_download.ts";
import type { Downloaded, Offer } from "./offer.ts";
import { patchPath } from "./patches.ts";
import { digestOf } from "./target_download.ts";
import type { KnownModels, UpdateSource } from "./update_source.ts";
import { look } from "./updater.ts";

const OLD = factoryFile("model.tflite");
const OLD_DIGEST = await sha256Hex(OLD);
const NEW = OLD.map((byte) => byte + 1);
const NEW_DIGEST = await sha256Hex(NEW);
const ADDS_ONE = repeated(1, OLD.length);
const MODELS: KnownModels = {
  digests: () => Promise.resolve([OLD_DIGEST]),
  read: () => Promise.resolve(OLD),
};

interface World {
  readonly city: City;
  readonly source: UpdateSource;
  readonly offer: Offer;
  readonly fetch: (source?: UpdateSource) => Promise<Downloaded>;
}

/** A phone with release 1 is offered release 2, and this patch to it. */
async function world(patch: Uint8Array<ArrayBuffer> | null): Promise<World> {
  const city = await City.found();
  const manifest = JSON.parse(new TextDecoder().decode(factoryFile("manifest.json"))) as { model: object };
  const model = { ...manifest.model, sha256: NEW_DIGEST };
  city.models.set(
    "models/2/manifest.json",
    new TextEncoder().encode(JSON.stringify({ ...manifest, version: 2, model })),
  );
  city.models.set("models/2/model.tflite", NEW);
  if (patch !== null) city.documents.set(patchPath(OLD_DIGEST, NEW_DIGEST), patch);
  city.point({ current: 2 });
  await city.publish(SIGNED_AT);
  const { source } = phoneOf(city);
  const offer = await look(source, "stable", "phone-1", [OLD_DIGEST], null);
  if (offer === null) throw new Error("nothing is offered");
  const fetch = (from = source) => downloadModel(from, offer, MODELS, () => undefined);
  return { city, source, offer, fetch };
}

const good = () => patchOf({ old: OLD, made: NEW, blocks: ADDS_ONE });

describe("an offered model", () => {
  it("comes by the patch where that is smaller, and leaves nothing behind", async () => {
    const { city, source, fetch } = await world(await good());
    expect(await fetch()).toEqual({ content: NEW, patchProblem: null });
    expect(city.web.askedFor(".tflite")).toBe(0);
    await removeDownloads(source);
    expect(await source.files.names()).toEqual([]);
  });

  it("comes whole where there is no patch, and is not asked for again before it is installed", async () => {
    const { city, fetch } = await world(null);
    for (let time = 0; time < 2; time += 1) expect((await fetch()).content).toEqual(NEW);
    expect(city.web.askedFor(".tflite")).toBe(1);
  });

  it("comes whole where less of it is missing than of the patch", async () => {
    const { city, source, fetch } = await world(await good());
    await source.files.append(NEW_DIGEST, NEW.subarray(0, 390));
    expect((await fetch()).content).toEqual(NEW);
    expect(city.web.askedFor(".patch")).toBe(0);
    expect(city.web.movedOf(".tflite")).toBe(10);
  });

  it.each([
    ["makes another model", () => patchOf({ old: OLD, made: OLD, blocks: repeated(0, 400) }), /another model/],
    ["does not make what it says", () => patchOf({ old: OLD, made: NEW, blocks: repeated(2, 400) }), /another file/],
    ["is for another model", () => patchOf({ old: NEW, made: NEW, blocks: ADDS_ONE }), /another file than the one/],
  ])("comes whole where the patch %s", async (_, patch, problem) => {
    const { source, fetch } = await world(await patch());
    const { content, patchProblem } = await fetch();
    expect(content).toEqual(NEW);
    expect(patchProblem).toMatch(problem);
    expect(await source.files.names()).toEqual([NEW_DIGEST]);
  });

  it.each([
    ["is not there", () => new Response(null, { status: 404 })],
    ["was changed on the way", () => new Response(new Uint8Array(200))],
  ])("comes whole where the patch %s", async (_, answer) => {
    const { city, fetch } = await world(await good());
    city.web.misbehave = (path) => (path.endsWith(".patch") ? answer() : null);
    const { content, patchProblem } = await fetch();
    expect(content).toEqual(NEW);
    expect(patchProblem).not.toBeNull();
  });

  it("waits where the patch cannot be reached: the whole would come no further", async () => {
    const { city, fetch } = await world(await good());
    city.web.misbehave = () => new Response(null, { status: 503 });
    await expect(fetch()).rejects.toMatchObject({ reason: "unreachable" });
    expect(city.web.askedFor(".tflite")).toBe(0);
  });

  it("takes the room of what came of other offers, and of nothing else", async () => {
    const { source, offer, fetch } = await world(null);
    await source.files.append("f".repeat(64), OLD);
    await fetch();
    expect(await source.files.names()).toEqual([digestOf(offer.model)]);
  });

  it.each([
    ["QuotaExceededError", "disk_full"],
    ["InvalidStateError", "storage_failed"],
  ])("is given up where the storage says %s, and the room is given back", async (name, reason) => {
    const { source, fetch } = await world(null);
    const append = () => Promise.reject(new DOMException("no", name));
    await expect(fetch({ ...source, files: { ...source.files, append } })).rejects.toMatchObject({ reason });
    expect(await source.files.names()).toEqual([]);
  });
});
