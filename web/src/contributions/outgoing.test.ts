import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sendSoon, startSending } from "./outgoing.ts";
import { nextTry, sendNow } from "./sending.ts";

vi.mock("./sending.ts", () => ({ SYNC_TAG: "outbox", sendNow: vi.fn(), nextTry: vi.fn() }));

const tags: string[] = [];
let page: EventTarget & { visibilityState: string };

beforeEach(() => {
  vi.useFakeTimers();
  vi.mocked(sendNow).mockReset().mockResolvedValue({ delivered: 0, failure: null });
  vi.mocked(nextTry).mockReset().mockResolvedValue(null);
  tags.length = 0;
  const register = (tag: string) => Promise.resolve(void tags.push(tag));
  const registration = { sync: { register }, periodicSync: { register: () => Promise.reject(new DOMException("no")) } };
  vi.stubGlobal("navigator", { serviceWorker: { getRegistration: () => Promise.resolve(registration) } });
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", page);
  const network = new EventTarget();
  vi.stubGlobal("addEventListener", network.addEventListener.bind(network));
  vi.stubGlobal("dispatchEvent", network.dispatchEvent.bind(network));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it is sent now, and by the browser if the page is closed before", async () => {
  sendSoon();
  await vi.runAllTimersAsync();
  expect([vi.mocked(sendNow).mock.calls.length, tags]).toEqual([1, ["outbox"]]);
});

test("what could not be sent is tried again when it is time, and no earlier", async () => {
  vi.mocked(nextTry).mockResolvedValueOnce(Date.now() + 60_000);
  sendSoon();
  await vi.advanceTimersByTimeAsync(59_000);
  expect(sendNow).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(sendNow).toHaveBeenCalledTimes(2);
});

test("however many wanted to send at once, it is tried again once", async () => {
  vi.mocked(nextTry)
    .mockResolvedValueOnce(Date.now() + 60_000)
    .mockResolvedValueOnce(Date.now() + 60_000);
  sendSoon();
  sendSoon();
  await vi.advanceTimersByTimeAsync(59_000);
  vi.mocked(sendNow).mockReturnValue(new Promise(() => undefined)); // It takes its time.
  await vi.advanceTimersByTimeAsync(2_000);
  expect(sendNow).toHaveBeenCalledTimes(3);
});

test("a time that has passed is no reason to try again and again", async () => {
  vi.mocked(nextTry).mockResolvedValue(Date.now() - 1);
  sendSoon();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sendNow).toHaveBeenCalledTimes(1);
});

test("a page sends at its start, when the network is back and when it is looked at", async () => {
  startSending();
  globalThis.dispatchEvent(new Event("online"));
  page.dispatchEvent(new Event("visibilitychange"));
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.runAllTimersAsync();
  expect(sendNow).toHaveBeenCalledTimes(3);
});

test("a page sends when mobile data becomes Wi-Fi, and at no other change of the network", async () => {
  const connection = Object.assign(new EventTarget(), { type: "cellular" });
  vi.stubGlobal("navigator", { connection });
  startSending();
  for (const type of ["cellular", "wifi", "wifi", "none"]) {
    connection.type = type;
    connection.dispatchEvent(new Event("change"));
  }
  await vi.runAllTimersAsync();
  expect(sendNow).toHaveBeenCalledTimes(2);
});

test("a browser without a service worker sends all the same", async () => {
  vi.stubGlobal("navigator", {});
  sendSoon();
  await vi.runAllTimersAsync();
  expect(sendNow).toHaveBeenCalledTimes(1);
});
