import { describe, expect, it } from "vitest";
import { type ChannelPointer, choose, inCohort, readPointer } from "./channel_pointer.ts";

function pointer(content: object): ChannelPointer {
  return readPointer(new TextEncoder().encode(JSON.stringify(content)));
}

const CANDIDATE = { version: 3, rollout_percent: 5, salt: "4f2c" };

describe("the cohort", () => {
  it.each([
    ["phone-1", false, false],
    ["phone-3", false, true],
    ["phone-25", true, true],
  ])("of docs/updates.md: %s", async (deviceId, isInAt5, isInAt50) => {
    expect(await inCohort(deviceId, "4f2c", 5)).toBe(isInAt5);
    expect(await inCohort(deviceId, "4f2c", 50)).toBe(isInAt50);
  });

  it("is everybody at 100 %, nobody at 0 %, and is counted in hundredths of a percent", async () => {
    expect(await inCohort("phone-1", "4f2c", 100)).toBe(true);
    expect(await inCohort("phone-25", "4f2c", 0)).toBe(false);
    expect(await inCohort("phone-25", "4f2c", 0.44)).toBe(false); // It is at 44 of 10,000.
    expect(await inCohort("phone-25", "4f2c", 0.445)).toBe(false); // Half of one is rounded to the even number.
    expect(await inCohort("phone-25", "4f2c", 0.45)).toBe(true);
  });
});

describe("a pointer", () => {
  it("leads to the candidate in its cohort, to the current release otherwise", async () => {
    const both = pointer({ current: 2, candidate: CANDIDATE });
    expect(await Promise.all(["phone-1", "phone-25"].map((id) => choose(both, id)))).toEqual([2, 3]);
    expect(await choose(pointer({ current: null }), "phone-25")).toBeNull();
    expect(await choose(pointer({ current: 2, candidate: CANDIDATE, return_to_bundled: true }), "phone-25")).toBeNull();
  });

  it.each([
    ["with a member that is not known", { current: 2, later_invention: 1 }],
    ["to a release below 1", { current: 0 }],
    ["to half a release", { current: 1.5 }],
    ["with a candidate that is the current release", { current: 3, candidate: CANDIDATE }],
    ["to more than everybody", { candidate: { ...CANDIDATE, rollout_percent: 101 } }],
    ["without salt", { candidate: { ...CANDIDATE, salt: "" } }],
    ["with a condition that is not known", { current: 2, conditions: { full_moon_only: true } }],
    ["that is a list", []],
  ])("%s is refused", (_, content) => {
    expect(() => pointer(content)).toThrow(expect.objectContaining({ name: "DocumentProblem" }) as Error);
  });
});
