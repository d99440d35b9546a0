import { describe, expect, it } from "vitest";
import { City, daysAfter, phoneOf, SIGNED_AT } from "../../tests/updates/city.ts";
import { CHUNK_BYTES } from "../../tests/updates/static_web.ts";
import { look } from "./updater.ts";

const ETAG_ANSWER = 304;

async function looks(phone: ReturnType<typeof phoneOf>): Promise<number | null> {
  return (await look(phone.source, "stable", "phone-1", [], null))?.manifest.version ?? null;
}

describe("a server that holds phones where they are", () => {
  it("is believed for as long as the timestamp holds, and then no more", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    expect(await looks(phone)).toBe(1);
    phone.now = daysAfter(SIGNED_AT, 2.99);
    expect(await looks(phone)).toBe(1);
    phone.now = daysAfter(SIGNED_AT, 3);
    await expect(looks(phone)).rejects.toMatchObject({ reason: "expired_metadata" });
  });

  it("gains nothing by saying that nothing has changed", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    await looks(phone);
    const statuses: number[] = [];
    const fetchIt = phone.source.fetch;
    const watching = async (...asked: Parameters<typeof fetch>) => {
      const answer = await fetchIt(...asked);
      statuses.push(answer.status);
      return answer;
    };
    phone.now = daysAfter(SIGNED_AT, 3);
    const frozen = look({ ...phone.source, fetch: watching }, "stable", "phone-1", [], null);
    await expect(frozen).rejects.toMatchObject({ reason: "expired_metadata" });
    expect(statuses).toContain(ETAG_ANSWER);
  });

  it("gains nothing by the phone's clock being set back", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    await looks(phone);
    await city.publishTimestamp(daysAfter(SIGNED_AT, 10));
    phone.now = daysAfter(SIGNED_AT, 10);
    await looks(phone);
    phone.now = daysAfter(SIGNED_AT, 14);
    await expect(looks(phone)).rejects.toMatchObject({ reason: "expired_metadata" });

    phone.now = SIGNED_AT; // What was kept and served is of the tenth day, and holds until the thirteenth.
    expect(await looks(phone)).toBe(1);
    await city.publishTimestamp(daysAfter(SIGNED_AT, 1)); // Higher number, holds until the fourth day.
    await expect(looks(phone)).rejects.toMatchObject({ reason: "expired_metadata" });
  });

  it("cannot go back before the bundled release was made", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    phone.now = new Date(0);
    const source = { ...phone.source, bundledAt: daysAfter(SIGNED_AT, 3) };
    await expect(look(source, "stable", "phone-1", [], null)).rejects.toMatchObject({ reason: "expired_metadata" });
  });

  it("is told apart from a wrong clock by what the refusal says", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    city.web.date = SIGNED_AT;
    phone.now = daysAfter(SIGNED_AT, 400);
    await expect(looks(phone)).rejects.toMatchObject({ detail: expect.stringContaining("set the clock") as string });
  });

  it("forgets a clock that was ahead once the root keys have changed", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    await city.publish(daysAfter(SIGNED_AT, 100));
    phone.now = daysAfter(SIGNED_AT, 100);
    await looks(phone);

    phone.now = daysAfter(SIGNED_AT, 1);
    await city.replaceOnlineKeys(SIGNED_AT);
    await city.publish(daysAfter(SIGNED_AT, 1));
    await expect(looks(phone)).rejects.toMatchObject({ reason: "expired_metadata" }); // It learns of the root now,
    expect(await looks(phone)).toBe(1); // and judges by it from the next look on.
  });
});

describe("a phone without news", () => {
  it("moves two answers, and the bytes of neither", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    await looks(phone);
    city.web.moved.length = 0;
    await looks(phone);
    expect(city.web.moved.map(({ path }) => path)).toEqual(["metadata/2.root.json", "metadata/timestamp.json"]);
    expect(city.web.movedOf("timestamp.json")).toBe(0);
    expect(city.web.movedOf("root.json")).toBeLessThan(CHUNK_BYTES);
  });

  it("asks for a timestamp as if it had none where the one that it keeps is not the one it has the tag of", async () => {
    const city = await City.found();
    const phone = phoneOf(city);
    await looks(phone);
    const older = phone.store.contents.get("timestamp.json");
    await city.publishTimestamp(SIGNED_AT);
    await looks(phone);
    const newest = phone.store.contents.get("timestamp.json");
    if (older === undefined || newest === undefined) throw new Error("nothing was kept");
    expect(newest).not.toEqual(older);
    phone.store.contents.set("timestamp.json", older);
    await looks(phone);
    expect(phone.store.contents.get("timestamp.json")).toEqual(newest);
  });
});
