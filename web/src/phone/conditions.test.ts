import { expect, test } from "vitest";
import { allows } from "./conditions.ts";

const ANY = { unmetered_only: false, charging_only: false, idle_only: false };
const HOME = { isUnmetered: true, isCharging: true, isIdle: true };

test.each([
  [{ unmetered_only: true }, { isUnmetered: false }],
  [{ charging_only: true }, { isCharging: false }],
  [{ charging_only: true }, { isCharging: null }],
  [{ idle_only: true }, { isIdle: false }],
])("the city's condition %o holds where the phone is %o", (condition, place) => {
  expect(allows({ ...ANY, ...condition }, { ...HOME, ...place }, false)).toBe(false);
  expect(allows({ ...ANY, ...condition }, HOME, true)).toBe(true);
  expect(allows(ANY, { ...HOME, ...place }, false)).toBe(true);
});

test("the resident's own choice holds where the city has none", () => {
  expect(allows(ANY, { ...HOME, isUnmetered: false }, true)).toBe(false);
});

test("where the browser does not tell of the network, the resident decides", () => {
  const unknown = { ...HOME, isUnmetered: null };
  expect(allows({ ...ANY, unmetered_only: true }, unknown, true)).toBe(false);
  expect(allows({ ...ANY, unmetered_only: true }, unknown, false)).toBe(true);
});
