import { afterEach, beforeEach, expect, test, vi } from "vitest";

const events = new EventTarget();
const page = { visibilityState: "visible" };
const agent: { connection?: { type: string }; getBattery?: () => Promise<{ charging: boolean }> } = {};

vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
vi.stubGlobal("document", page);
vi.stubGlobal("navigator", agent);

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  page.visibilityState = "visible";
  delete agent.connection;
  delete agent.getBattery;
});

afterEach(() => {
  vi.useRealTimers();
});

/** Each test has a page of its own, which was just opened. */
async function opened() {
  return (await import("./surroundings.ts")).surroundings;
}

test("what the browser does not tell is told as unknown", async () => {
  const surroundings = await opened();
  expect(await surroundings()).toEqual({ isUnmetered: null, isCharging: null, isIdle: false });
});

test("network and battery are those of the moment", async () => {
  const surroundings = await opened();
  agent.connection = { type: "wifi" };
  agent.getBattery = () => Promise.resolve({ charging: true });
  expect(await surroundings()).toMatchObject({ isUnmetered: true, isCharging: true });
  agent.connection = { type: "cellular" };
  agent.getBattery = () => Promise.resolve({ charging: false });
  expect(await surroundings()).toMatchObject({ isUnmetered: false, isCharging: false });
});

test("a page that nobody has touched for a minute is idle, until somebody does", async () => {
  const surroundings = await opened();
  vi.advanceTimersByTime(59_999);
  expect((await surroundings()).isIdle).toBe(false);
  vi.advanceTimersByTime(1);
  expect((await surroundings()).isIdle).toBe(true);
  events.dispatchEvent(new Event("pointerdown"));
  expect((await surroundings()).isIdle).toBe(false);
});

test("a page that nobody sees is idle at once", async () => {
  const surroundings = await opened();
  page.visibilityState = "hidden";
  expect((await surroundings()).isIdle).toBe(true);
});
