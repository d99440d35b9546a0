import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const SAID = {
  name: "Rivertown",
  city: "rivertown",
  channel: "stable",
  updates_url: "/updates",
  root: "/app/trusted/root.json",
  bundled: {
    version: 1,
    manifest: "/app/bundled/manifest.json",
    manifest_sha256: "00",
    manifest_bytes: 10,
    model: "/app/bundled/model.tflite",
    model_sha256: "11",
    model_bytes: 20,
  },
};
const ROOT = '{"signed": {"_type": "root", "version": 1}}';

let files: Record<string, string>;

beforeEach(() => {
  files = { "/app/installation.json": JSON.stringify(SAID), "/app/trusted/root.json": ROOT };
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("location", { origin: "https://city.example" });
  vi.stubGlobal("fetch", (asked: Request | URL) => {
    const { pathname } = new URL(asked instanceof Request ? asked.url : asked);
    const file = files[pathname];
    return file === undefined ? Promise.reject(new TypeError("Failed to fetch")) : Promise.resolve(new Response(file));
  });
});

afterEach(() => vi.unstubAllGlobals());

async function app() {
  vi.resetModules();
  return import("./installation.ts");
}

test("what was seen at the first visit is there without a network", async () => {
  await (await app()).installation();
  files = {};
  const phone = await app();
  expect(await phone.installation()).toMatchObject({ name: "Rivertown", bundled: { modelBytes: 20 } });
  expect(new TextDecoder().decode(await phone.trustedRoot())).toBe(ROOT);
});

test("the first root is believed for ever, whatever the server says later", async () => {
  const phone = await app();
  await phone.installation();
  files["/app/installation.json"] = JSON.stringify({ ...SAID, name: "Taken over" });
  files["/app/trusted/root.json"] = ROOT.replace("1}", "2}");
  expect((await phone.newestInstallation()).name).toBe("Taken over");
  expect(new TextDecoder().decode(await (await app()).trustedRoot())).toBe(ROOT);
});

test.each([
  ["/app/installation.json", "<html>Welcome"],
  ["/app/installation.json", JSON.stringify({ ...SAID, bundled: {} })],
  ["/app/trusted/root.json", "<html>Welcome"],
  ["/app/trusted/root.json", '{"signed": {"_type": "targets"}}'],
])("nothing is kept where %s is %s", async (path, content) => {
  const right = files[path] ?? "";
  files[path] = content;
  await expect((await app()).installation()).rejects.toMatchObject({ name: "ServerUnreachable" });
  files[path] = right;
  expect((await (await app()).installation()).name).toBe("Rivertown");
});
