import { beforeEach, describe, expect, test, vi } from "vitest";
import { later } from "../tests/later.ts";
import type { OwnPhoto } from "./contributions/photos.ts";
import type { Settings } from "./storage/tables.ts";

const own = vi.fn<() => Promise<OwnPhoto[]>>();
const changeSettings = vi.fn<() => Promise<Settings>>();

vi.mock("./contributions/photos.ts", () => ({ own }));
vi.mock("./storage/settings.ts", async (original) => ({
  ...(await original<object>()),
  changeSettings,
}));
vi.stubGlobal("navigator", { onLine: true, languages: ["en"] });

/** Each test has a page of its own. */
async function page() {
  return { ...(await import("./storage/settings.ts")), ...(await import("./app_state.ts")) };
}

beforeEach(() => {
  vi.resetModules();
});

describe("what was chosen", () => {
  test("stays in sight while what was chosen before it is kept", async () => {
    const { choose, settings, defaults } = await page();
    const [first, second] = [later<Settings>(), later<Settings>()];
    changeSettings.mockReturnValueOnce(first.promise).mockReturnValueOnce(second.promise);
    const choosing = [choose({ allowsReview: true }), choose({ allowsTraining: true })];
    first.resolve({ ...defaults, allowsReview: true });
    await choosing[0];
    expect(settings.value).toMatchObject({ allowsReview: true, allowsTraining: true });
    second.resolve({ ...defaults, allowsReview: true, allowsTraining: true });
    await choosing[1];
    expect(settings.value).toMatchObject({ allowsReview: true, allowsTraining: true });
  });

  test("is shown no more where nothing of it could be kept, however much was chosen meanwhile", async () => {
    const { choose, settings, defaults } = await page();
    const full = later<Settings>();
    changeSettings.mockReturnValue(full.promise);
    const choosing = [choose({ allowsReview: true }), choose({ allowsTraining: true })];
    full.reject(new DOMException("no room", "QuotaExceededError"));
    expect((await Promise.allSettled(choosing)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(settings.value).toEqual(defaults);
  });
});

describe("the photos", () => {
  const BEFORE = [{ id: "before" }] as OwnPhoto[];
  const AFTER = [{ id: "after" }] as OwnPhoto[];

  test("are not shown as they were before, where that reading takes longer", async () => {
    const { readPhotos, ownPhotos } = await page();
    const [slow, quick] = [later<OwnPhoto[]>(), later<OwnPhoto[]>()];
    own.mockReturnValueOnce(slow.promise).mockReturnValueOnce(quick.promise);
    const readings = [readPhotos(), readPhotos()];
    quick.resolve(AFTER);
    await readings[1];
    slow.resolve(BEFORE);
    await readings[0];
    expect(ownPhotos.value).toBe(AFTER);
  });
});
