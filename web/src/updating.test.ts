import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Phone } from "./phone/phone.ts";

const NEARBY = { isUnmetered: true, isCharging: false, isIdle: true };

vi.mock("./phone/surroundings.ts", () => ({ surroundings: () => Promise.resolve(NEARBY) }));
vi.mock("./storage/database.ts", () => ({
  read: () => Promise.resolve(undefined),
  change: (_name: string, how: () => unknown) => Promise.resolve(how()),
}));

const HOUR = 3_600_000;

const update = vi.fn<Phone["update"]>();
const agent = { onLine: true };
let page: EventTarget & { visibilityState: string };

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  update.mockReset().mockResolvedValue({ state: "up_to_date", release: 7 });
  agent.onLine = true;
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("navigator", agent);
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", () => undefined);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Each test has a page of its own, which has looked once. */
async function openPage(): Promise<void> {
  const { startUpdating } = await import("./updating.ts");
  await startUpdating({ update } as Partial<Phone> as Phone);
}

test("a page that stays open looks again every few hours, also where nobody sees it", async () => {
  await openPage();
  page.visibilityState = "hidden";
  await vi.advanceTimersByTimeAsync(2 * HOUR);
  expect(update).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2 * HOUR);
  expect(update).toHaveBeenCalledTimes(2);
  expect(update).toHaveBeenLastCalledWith(NEARBY);
  await vi.advanceTimersByTimeAsync(20 * HOUR);
  expect(update.mock.calls.length).toBeGreaterThanOrEqual(6);
});

test("no two phones that start together look together", async () => {
  vi.mocked(Math.random).mockReturnValue(0);
  await openPage();
  await vi.advanceTimersByTimeAsync(2.5 * HOUR);
  expect(update).toHaveBeenCalledTimes(2);
  vi.mocked(Math.random).mockReturnValue(0.99);
  vi.resetModules();
  update.mockClear();
  vi.clearAllTimers();
  await openPage();
  await vi.advanceTimersByTimeAsync(2.5 * HOUR);
  expect(update).toHaveBeenCalledTimes(1);
});

test("without a network it waits for the next time", async () => {
  await openPage();
  agent.onLine = false;
  await vi.advanceTimersByTimeAsync(8 * HOUR);
  expect(update).toHaveBeenCalledTimes(1);
  agent.onLine = true;
  await vi.advanceTimersByTimeAsync(2 * HOUR);
  expect(update).toHaveBeenCalledTimes(2);
});

test("a look that fails for want of a model does not end the looking", async () => {
  update.mockImplementationOnce(async () => {
    const { PhoneError } = await import("./phone/phone.ts");
    throw new PhoneError("no_model", "there is none");
  });
  await openPage();
  await vi.advanceTimersByTimeAsync(4 * HOUR);
  expect(update).toHaveBeenCalledTimes(2);
});
