import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { beforeEach, expect, test, vi } from "vitest";
import type { Answer, Choice } from "../storage/tables.ts";

const ANSWER: Answer = {
  label: "glass",
  group: null,
  bestLabel: "glass",
  scores: { glass: 1 },
  release: 2,
  milliseconds: 80,
  novelty: null,
};
const CHOICE: Choice = {
  sends: false,
  allowsReview: false,
  allowsTraining: false,
  precision: "none",
  location: null,
  place: null,
};

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.resetModules();
});

/** One page, with the photos `one` and `other`. */
async function page() {
  const photos = { ...(await import("./own_photos.ts")), ...(await import("./rules.ts")) };
  for (const id of ["one", "other"]) {
    const pictures = { photo: new Blob([`${id}, large`]), thumbnail: new Blob([`${id}, small`]) };
    await photos.add({ row: photos.fresh(id, { takenAt: 0, keptAt: 0 }, ANSWER, CHOICE), pictures });
  }
  const read = async (id: string) => (await photos.all()).find(({ row }) => row.id === id) ?? expect.fail();
  return { ...photos, read };
}

test("what is said about a photo leaves all pictures the same objects", async () => {
  const { read, changeRow, confirmed } = await page();
  const before = [await read("one"), await read("other")];
  await changeRow("one", confirmed);
  const after = [await read("one"), await read("other")];
  expect(after.map(({ row }) => row.isConfirmed)).toEqual([true, false]);
  for (const place of [0, 1]) {
    expect(after[place]?.pictures.photo).toBe(before[place]?.pictures.photo);
    expect(after[place]?.pictures.thumbnail).toBe(before[place]?.pictures.thumbnail);
  }
});

test("pictures that were drawn anew are read anew, also where another tab did it and they are as large", async () => {
  const { read } = await page();
  const before = await read("one");
  const kept = await read("other");
  vi.resetModules();
  const otherTab = await import("./own_photos.ts");
  const covered = { photo: new Blob(["ONE, LARGE"]), thumbnail: new Blob(["ONE, SMALL"]) };
  await otherTab.change("one", ({ row }) => ({ row, pictures: covered }));
  const after = await read("one");
  expect(await after.pictures.photo?.text()).toBe("ONE, LARGE");
  expect(after.pictures.thumbnail).not.toBe(before.pictures.thumbnail);
  expect((await read("other")).pictures.thumbnail).toBe(kept.pictures.thumbnail);
});

test("of what was withdrawn nothing is left", async () => {
  const { read, change, all } = await page();
  await read("one");
  await change("one", () => null);
  expect((await all()).map(({ row }) => row.id)).toEqual(["other"]);
});
