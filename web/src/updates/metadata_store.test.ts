import "fake-indexeddb/auto";
import { expect, it, vi } from "vitest";
import { City, phoneOf } from "../../tests/updates/city.ts";
import { indexedMetadata } from "./metadata_store.ts";
import { look } from "./updater.ts";

it("keeps files byte for byte, also for the next tab", async () => {
  const content = Uint8Array.from([0, 255, 10]);
  await indexedMetadata.write("timestamp.json", content);
  content[0] = 7;
  expect(await indexedMetadata.read("timestamp.json")).toEqual(Uint8Array.from([0, 255, 10]));
  expect(await indexedMetadata.names()).toEqual(["timestamp.json"]);
  expect(await indexedMetadata.read("snapshot.json")).toBeNull();
});

it("remembers for a phone what it has verified", async () => {
  vi.stubGlobal("navigator", { locks: { request: (_: string, work: () => unknown) => work() } });
  const city = await City.found();
  const source = { ...phoneOf(city).source, store: indexedMetadata };
  await look(source, "stable", "phone-1", [], null);
  expect(await indexedMetadata.names()).toContain("channels.json");
  city.web.moved.length = 0;
  await look(source, "stable", "phone-1", [], null);
  expect(city.web.askedFor(".json")).toBe(2); // The next root, and an unchanged timestamp.
});
