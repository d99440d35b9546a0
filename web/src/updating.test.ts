import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Guide } from "./guide/guide.ts";
import type { Phone } from "./phone/phone.ts";

const NEARBY = { isUnmetered: true, isCharging: false, isIdle: true };

const state = vi.hoisted(() => ({ guide: { value: null as Partial<Guide> | null } }));

vi.mock("./app_state.ts", () => state);
vi.mock("./phone/surroundings.ts", () => ({ surroundings: () => Promise.resolve(NEARBY) }));
vi.mock("./storage/database.ts", () => ({
  read: () => Promise.resolve(undefined),
  change: (_name: string, how: () => unknown) => Promise.resolve(how()),
}));

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const update = vi.fn<Phone["update"]>();
const agent = { onLine: true };
/** What the browser would tell the page. */
let events: EventTarget;
let page: EventTarget & { visibilityState: string };

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  update.mockReset().mockResolvedValue({ state: "up_to_date", release: 7 });
  agent.onLine = true;
  state.guide.value = {};
  events = new EventTarget();
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("navigator", agent);
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
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

test("a page that was opened before the city had a guide looks soon, and ever more rarely while there is none", async () => {
  state.guide.value = null;
  await openPage();
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(update).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(update).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(3 * MINUTE);
  expect(update).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(24 * HOUR);
  expect(update.mock.calls.length).toBeLessThan(20);
});

test("once the guide has come the page takes its time", async () => {
  state.guide.value = null;
  await openPage();
  update.mockImplementationOnce(() => {
    state.guide.value = {};
    return Promise.resolve({ state: "up_to_date", release: 7 });
  });
  await vi.advanceTimersByTimeAsync(2 * HOUR);
  expect(update).toHaveBeenCalledTimes(2);
});

test("whoever comes back within the hour is worth a look only where the guide is missing", async () => {
  await openPage();
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(update).toHaveBeenCalledTimes(1);
  state.guide.value = null;
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(update).toHaveBeenCalledTimes(2);
});

test("a look that reached nobody is made up for when the network is back", async () => {
  update.mockResolvedValueOnce({ state: "refused", reason: "unreachable", detail: "", release: 7 });
  await openPage();
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  events.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(update).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  events.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(update).toHaveBeenCalledTimes(2);
});
