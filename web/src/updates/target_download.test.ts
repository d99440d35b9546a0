import { describe, expect, it } from "vitest";
import { CHUNK_BYTES, StaticWeb } from "../../tests/updates/static_web.ts";
import { sha256Hex } from "./digests.ts";
import { memoryFiles } from "./memory_files.ts";
import { digestOf, download, missingBytes, targetUrl } from "./target_download.ts";
import type { TargetFile } from "./tuf/roles.ts";

const CONTENT = Uint8Array.from({ length: 1_000 }, (_, place) => place % 251);
const DIGEST = await sha256Hex(CONTENT);
const TARGET: TargetFile = { path: "models/2/model.tflite", length: CONTENT.length, hashes: { sha256: DIGEST } };
const PATH = `models/2/${DIGEST}.model.tflite`;
const URL = `http://updates.test/${PATH}`;

interface World {
  readonly web: StaticWeb;
  readonly files: ReturnType<typeof memoryFiles>;
  readonly fetch: () => Promise<Uint8Array<ArrayBuffer>>;
}

/** A phone that has the first bytes of the model already. */
async function world(have = 0): Promise<World> {
  const [web, files] = [new StaticWeb([[PATH, CONTENT]]), memoryFiles()];
  await files.append(DIGEST, CONTENT.subarray(0, have));
  return { web, files, fetch: () => download({ fetch: web.fetch, files }, URL, TARGET) };
}

/** The file up to a byte, where the network ends. */
function cutAfter(bytes: number, start = 0): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(CONTENT.slice(start, bytes));
    },
    pull(controller) {
      controller.error(new TypeError("network error"));
    },
  });
}

describe("a download", () => {
  it("is found under its digest", () => {
    expect(targetUrl("http://updates.test/", TARGET)).toBe(URL);
    expect(targetUrl("http://updates.test/", TARGET, false)).toBe("http://updates.test/models/2/model.tflite");
    expect(() => digestOf({ ...TARGET, hashes: { md5: "00" } })).toThrow("app_too_old");
    expect(digestOf({ ...TARGET, hashes: { sha512: "0".repeat(128) } })).toBe("0".repeat(128));
  });

  it("goes on where it was cut, at whichever byte", async () => {
    for (const have of [1, CHUNK_BYTES, 999]) {
      const { web, files, fetch } = await world(have);
      expect(await missingBytes(files, TARGET)).toBe(CONTENT.length - have);
      expect(await fetch()).toEqual(CONTENT);
      expect(web.movedOf(PATH)).toBe(CONTENT.length - have);
    }
  });

  it("keeps what has come when the network ends, and moves each byte once", async () => {
    const { web, files, fetch } = await world();
    web.misbehave = () => new Response(cutAfter(300));
    await expect(fetch()).rejects.toMatchObject({ reason: "unreachable" });
    expect(await files.size(DIGEST)).toBe(300);
    web.misbehave = () => null;
    expect(await fetch()).toEqual(CONTENT);
    expect(web.movedOf(PATH)).toBe(CONTENT.length);
  });

  it("is not fetched again once it is here", async () => {
    const { web, fetch } = await world(CONTENT.length);
    expect(await fetch()).toEqual(CONTENT);
    expect(web.askedFor(PATH)).toBe(0);
  });

  it("begins once more where its first part was damaged on the phone", async () => {
    const { web, files, fetch } = await world();
    await files.append(DIGEST, new Uint8Array(400));
    expect(await fetch()).toEqual(CONTENT);
    expect(web.movedOf(PATH)).toBe(600 + 1_000);
  });

  it("takes a server that knows no ranges from the start", async () => {
    const { web, fetch } = await world(400);
    web.misbehave = () => new Response(CONTENT, { headers: { "Content-Length": "1000" } });
    expect(await fetch()).toEqual(CONTENT);
  });

  it.each<[string, () => Response]>([
    ["a portal's page", () => new Response("please log in", { headers: { "Content-Length": "13" } })],
    ["another part", () => new Response("", { status: 206, headers: { "Content-Range": "bytes 0-999/1000" } })],
    ["a part of another file", () => new Response("", { status: 206, headers: { "Content-Range": "bytes 400-9/10" } })],
    ["an error", () => new Response("", { status: 500 })],
    ["nothing more", () => new Response("", { status: 416 })],
  ])("gives up nothing for %s", async (_, answer) => {
    const { web, files, fetch } = await world(400);
    web.misbehave = answer;
    await expect(fetch()).rejects.toMatchObject({ reason: "unreachable" });
    expect(await files.size(DIGEST)).toBe(400);
  });

  it.each([403, 404, 410])("is not published where the server answers %i", async (status) => {
    const { web, fetch } = await world(400);
    web.misbehave = () => new Response(null, { status });
    await expect(fetch()).rejects.toMatchObject({ reason: "not_published" });
  });

  it("with a changed byte is refused, and nothing of it is kept", async () => {
    const { web, files, fetch } = await world();
    web.files.set(
      PATH,
      CONTENT.map((byte, place) => (place === 500 ? byte ^ 1 : byte)),
    );
    await expect(fetch()).rejects.toMatchObject({ reason: "tampered_file" });
    expect(await files.names()).toEqual([]);
  });

  it("tells how far it has come", async () => {
    const [web, files] = [new StaticWeb([[PATH, CONTENT]]), memoryFiles()];
    await files.append(DIGEST, CONTENT.subarray(0, 700));
    const seen: number[][] = [];
    await download({ fetch: web.fetch, files }, URL, TARGET, (...told) => seen.push(told));
    expect(seen).toEqual([800, 900, 1_000].map((received) => [received, 1_000]));
  });
});

describe("a phone without room", () => {
  it("is told before the first byte", async () => {
    const { web, files } = await world();
    const full = { ...files, roomBytes: () => Promise.resolve(2 * 1024 * 1024 + 999) };
    const asked = download({ fetch: web.fetch, files: full }, URL, TARGET);
    await expect(asked).rejects.toMatchObject({ reason: "disk_full" });
    expect(web.moved).toEqual([]);
  });

  it("gets back what the download took where the room runs out all the same", async () => {
    const { web, files } = await world(400);
    const failing = { ...files, append: () => Promise.reject(new DOMException("full", "QuotaExceededError")) };
    await expect(download({ fetch: web.fetch, files: failing }, URL, TARGET)).rejects.toThrow("full");
    expect(await files.names()).toEqual([]);
  });
});
