import { afterEach, expect, test, vi } from "vitest";
import { phoneModel } from "./phone_model.ts";

afterEach(() => vi.unstubAllGlobals());

const hinting = (model?: string, platform = "Android") => ({
  userAgentData: { platform, getHighEntropyValues: () => Promise.resolve(model === undefined ? {} : { model }) },
});
const SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1";

test.each([
  ["the model where the browser tells it", hinting("Pixel 9"), "Pixel 9"],
  ["the platform of a computer, which has no model", hinting("", "Linux"), "Linux"],
  ["the platform where the model is kept back", hinting(undefined), "Android"],
  ["no more than a report may hold", hinting("x".repeat(100)), "x".repeat(80)],
  ["the platform alone of a browser without hints", { userAgent: SAFARI }, "iPhone"],
  ["nothing of what it does not know", { userAgent: "Somebody/1.2 (serial 0815)" }, "unknown"],
])("a phone is told apart by %s", async (_, navigator, told) => {
  vi.stubGlobal("navigator", navigator);
  expect(await phoneModel()).toBe(told);
});
