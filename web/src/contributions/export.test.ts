import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { City } from "../../tests/fakes/city.ts";
import { fakeLocks } from "../../tests/fakes/locks.ts";
import { change } from "../storage/database.ts";
import { NOTHING } from "../usage/counts.ts";
import { exportAll } from "./export.ts";
import * as ownPhotos from "./own_photos.ts";
import { fresh } from "./rules.ts";

const ANSWER = { label: "glass", bestLabel: "glass", scores: { glass: 1 }, group: null, release: 2, novelty: null };
const CHOICE = { sends: false, allowsReview: false, allowsTraining: false, place: null, location: null };

beforeEach(() => {
  vi.stubGlobal("navigator", { onLine: true, locks: fakeLocks() });
  vi.stubGlobal("location", { origin: "https://city.example" });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("it holds all that is kept about the resident, and no key", async () => {
  const city = new City();
  vi.stubGlobal("fetch", city.fetch);
  city.know("phone-1", "secret-token");
  await change("registration", () => ({ deviceId: "phone-1", token: "secret-token" }));
  await change("usage", () => ({ ...NOTHING, told: { 3: ["self_test_failed"] } }));
  const row = fresh(
    "6d1c",
    { takenAt: 0, keptAt: 0 },
    { ...ANSWER, milliseconds: 1 },
    { ...CHOICE, precision: "none" },
  );
  await ownPhotos.add({ row, pictures: { photo: new Blob(["the photo"]), thumbnail: null } });
  const archive = await (await exportAll()).text();
  for (const kept of ["phone-1", "self_test_failed", "6d1c", "the photo", '"server_answered": true']) {
    expect(archive).toContain(kept);
  }
  expect(archive).not.toContain("secret-token");
});
