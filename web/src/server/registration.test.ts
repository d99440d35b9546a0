import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { City } from "../../tests/fakes/city.ts";
import { fakeLocks } from "../../tests/fakes/locks.ts";

let city: City;

beforeEach(() => {
  city = new City();
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", { locks: fakeLocks() });
  vi.stubGlobal("location", { origin: "https://city.example" });
  vi.stubGlobal("fetch", city.fetch);
});

afterEach(() => vi.unstubAllGlobals());

async function tab() {
  vi.resetModules();
  return import("./registration.ts");
}

test("a phone registers once, whatever number of tabs asks at once, and for ever", async () => {
  const tabs = [await tab(), await tab(), await tab()];
  const made = await Promise.all(tabs.map(({ registration }) => registration()));
  expect(new Set(made.map(({ token }) => token)).size).toBe(1);
  expect(await (await tab()).registration()).toEqual(made[0]);
  expect(city.devices.size).toBe(1);
});

test("a phone that was forgotten registers anew once, whatever number of tabs has found out", async () => {
  const tabs = [await tab(), await tab()];
  const forgotten = await (await tab()).registration();
  city.forgetAll();
  const made = await Promise.all(tabs.map(({ registerInsteadOf }) => registerInsteadOf(forgotten)));
  expect(made[0]).toEqual(made[1]);
  expect([city.devices.size, made[0]?.token === forgotten.token]).toEqual([1, false]);
});

test("nothing is kept of a registration that could not be had", async () => {
  city.trouble(/POST/, "no_connection");
  await expect((await tab()).registration()).rejects.toMatchObject({ name: "ServerUnreachable" });
  expect((await (await tab()).registration()).deviceId).not.toBe("");
});
