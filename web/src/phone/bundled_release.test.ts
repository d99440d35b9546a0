import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sha256Hex } from "../updates/digests.ts";
import { memoryFiles } from "../updates/memory_files.ts";
import { fetchBundled } from "./bundled_release.ts";

const MANIFEST = readFileSync(new URL("../../../mobile_models/releases/2/manifest.json", import.meta.url));
const MODEL = new TextEncoder().encode("a model");

beforeEach(() => {
  vi.stubGlobal("location", { origin: "https://city.example" });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

async function bundled() {
  return {
    version: 2,
    manifestUrl: "/app/bundled/manifest.json",
    manifestSha256: await sha256Hex(new Uint8Array(MANIFEST)),
    manifestBytes: MANIFEST.length,
    modelUrl: "/app/bundled/model.tflite",
    modelSha256: await sha256Hex(MODEL),
    modelBytes: MODEL.length,
  };
}

test("what was begun of it goes on, and what was begun of another is removed", async () => {
  const files = memoryFiles();
  const { modelSha256, ...rest } = await bundled();
  await files.append(modelSha256, MODEL.subarray(0, 3));
  await files.append("ab".repeat(32), MODEL);
  const asked: (string | null)[] = [];
  vi.stubGlobal("fetch", (url: string, { headers }: { headers: Record<string, string> }) => {
    asked.push(headers["Range"] ?? null);
    if (url.endsWith(".json")) return Promise.resolve(new Response(new Uint8Array(MANIFEST)));
    const range = { "Content-Range": `bytes 3-${MODEL.length - 1}/${MODEL.length}` };
    return Promise.resolve(new Response(MODEL.slice(3), { status: 206, headers: range }));
  });
  const { model } = await fetchBundled({ ...rest, modelSha256 }, files, () => undefined);
  expect([model, asked, await files.names()]).toEqual([MODEL, [null, "bytes=3-"], []]);
});
