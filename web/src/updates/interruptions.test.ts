import { describe, expect, it } from "vitest";
import { City, daysAfter, phoneOf, SIGNED_AT } from "../../tests/updates/city.ts";
import { MemoryStore } from "../../tests/updates/memory_store.ts";
import { factoryFile } from "../../tests/updates/vectors.ts";
import type { Offer } from "./offer.ts";
import type { UpdateSource } from "./update_source.ts";
import { look, pointerSeenLast } from "./updater.ts";

const LATER = daysAfter(SIGNED_AT, 1);

function looks(source: UpdateSource): Promise<Offer | null> {
  return look(source, "stable", "phone-1", [], null);
}

interface News {
  readonly city: City;
  readonly seen: MemoryStore;
  /** The files that `seen` is of. */
  readonly old: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** A city that has published anew since a phone, which remembers `seen`, has looked; with new online keys or without. */
async function withNews(hasNewKeys = true): Promise<News> {
  const city = await City.found();
  const { source, store: seen } = phoneOf(city);
  await looks(source);
  const old = new Map(city.web.files);
  if (hasNewKeys) await city.replaceOnlineKeys(SIGNED_AT);
  city.point({ current: 1, conditions: { unmetered_only: true } });
  await city.publish(LATER);
  return { city, seen, old };
}

/** Serves these files and no others. */
function serve(city: City, files: News["old"]): void {
  city.web.misbehave = (path) => {
    const content = files.get(path);
    return content === undefined ? new Response(null, { status: 404 }) : new Response(content);
  };
}

/** The writes of a look at the news, each the name of a file. */
async function writesOf(city: City, seen: MemoryStore): Promise<readonly string[]> {
  const { source, store } = phoneOf(city, new MemoryStore(seen.contents));
  await looks(source);
  return store.written;
}

describe("a phone that is killed during a look", () => {
  it.each([
    ["with new keys", true, "tampered_metadata", ["root_history/2.root.json", "known_time"]],
    ["with the keys of before", false, "older_metadata", []],
  ])("goes on from between any two writes and falls behind none, %s", async (_, hasNewKeys, reason, more) => {
    const { city, seen, old } = await withNews(hasNewKeys);
    const writes = await writesOf(city, seen);
    const always = ["timestamp.json", "timestamp.tag", "snapshot.json", "targets.json"];
    expect([...writes].sort()).toEqual([...always, "channels.json", "documents/pointer", ...more].sort());
    for (const place of writes.keys()) {
      const killed = phoneOf(city, new MemoryStore(seen.contents));
      killed.store.beforeWrite = () => {
        if (killed.store.written.length >= place) throw new Error("killed");
      };
      await expect(looks(killed.source)).rejects.toMatchObject({ reason: "storage_failed" });
      expect(killed.store.written).toEqual(writes.slice(0, place));

      const again = phoneOf(city, new MemoryStore(killed.store.contents));
      expect((await looks(again.source))?.conditions.unmetered_only).toBe(true);

      if (place === 0) continue; // Nothing new was kept yet; from then on the old files are known to be old.
      serve(city, old);
      await expect(looks(phoneOf(city, killed.store).source)).rejects.toMatchObject({ reason });
      city.web.misbehave = () => null;
    }
  });

  it("finds damaged files and fetches them anew", async () => {
    const { city, seen } = await withNews();
    for (const name of seen.contents.keys()) {
      const damaged = phoneOf(city, new MemoryStore(seen.contents));
      damaged.store.contents.set(name, new TextEncoder().encode("{"));
      expect((await looks(damaged.source))?.conditions.unmetered_only).toBe(true);
    }
  });
});

describe("a phone whose storage the browser has cleared", () => {
  it("begins again with the root it was given", async () => {
    const { city } = await withNews();
    const cleared = phoneOf(city);
    expect((await looks(cleared.source))?.manifest.version).toBe(1);
    expect((await pointerSeenLast(cleared.source))?.conditions.unmetered_only).toBe(true);
  });

  it("has seen no pointer", async () => {
    const { source } = phoneOf(await City.found());
    expect(await pointerSeenLast(source)).toBeNull();
  });
});

describe("a phone without room", () => {
  it("refuses with disk_full at any write, and keeps all that it had", async () => {
    const { city, seen } = await withNews();
    for (const name of await writesOf(city, seen)) {
      const full = phoneOf(city, new MemoryStore(seen.contents));
      full.store.beforeWrite = (asked) => {
        if (asked === name) throw new DOMException("no room", "QuotaExceededError");
      };
      await expect(looks(full.source)).rejects.toMatchObject({ reason: "disk_full" });
      expect((await pointerSeenLast(full.source))?.conditions.unmetered_only).toBe(false);
      full.store.beforeWrite = () => undefined;
      expect((await looks(full.source))?.conditions.unmetered_only).toBe(true);
    }
  });
});

describe("two tabs that look at the same time", () => {
  it("do so one after the other: the slower one takes nothing back", async () => {
    const { city, seen, old } = await withNews(false);
    const shared = new MemoryStore(seen.contents);
    const [slow, quick] = [phoneOf(city, shared), phoneOf(city, shared)];
    const { isOpen, open } = gate();
    const slowFetch: typeof fetch = async (...asked) => {
      const answer = await city.web.fetch(...asked);
      if (asked[0] !== "http://updates.test/metadata/timestamp.json") return answer;
      await isOpen;
      return new Response(old.get("metadata/timestamp.json"));
    };
    const looking = [looks({ ...slow.source, fetch: slowFetch }), looks(quick.source)];
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve));
    open();
    await Promise.all(looking);
    expect(shared.contents.get("timestamp.json")).toEqual(city.web.files.get("metadata/timestamp.json"));
  });
});

describe("keys of the city", () => {
  it("that were replaced end what their thief has done", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    Object.assign(city.versions, { timestamp: 1_000_000, snapshot: 1_000_000 });
    await city.publish(SIGNED_AT);
    await looks(phone.source);
    await city.replaceOnlineKeys(SIGNED_AT);
    Object.assign(city.versions, { timestamp: 5, snapshot: 5 });
    await city.publish(LATER);
    phone.now = LATER;
    expect((await looks(phone.source))?.manifest.version).toBe(1);
  });

  it("publish a manifest that is fetched once, however often a phone looks", async () => {
    const city = await City.found();
    const { source } = phoneOf(city);
    const [first, second] = [await looks(source), await looks(source)];
    expect(first).toEqual(second);
    expect(first?.manifestContent).toEqual(factoryFile("manifest.json"));
    expect(city.web.askedFor(".manifest.json")).toBe(1);
  });
});

function gate(): { readonly isOpen: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    isOpen,
    open: () => {
      open();
    },
  };
}
