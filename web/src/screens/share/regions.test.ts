import { expect, test } from "vitest";
import { isSamePlace } from "./position.ts";
import { afterKey, between } from "./regions.ts";

const MIDDLE = { x: 0.4, y: 0.4, width: 0.2, height: 0.2 };

test("a cover may be drawn in any direction", () => {
  const drawn = between({ x: 0.75, y: 0.5 }, { x: 0.25, y: 0.25 });
  expect(drawn).toEqual({ x: 0.25, y: 0.25, width: 0.5, height: 0.25 });
});

test("a tap draws nothing", () => {
  expect(between({ x: 0.5, y: 0.5 }, { x: 0.505, y: 0.9 })).toBeNull();
});

test("arrows move a cover, and not out of the photo", () => {
  expect(afterKey(MIDDLE, "ArrowRight", false)?.x).toBeCloseTo(0.42);
  expect(afterKey({ ...MIDDLE, y: 0 }, "ArrowUp", false)).toMatchObject({ y: 0 });
  expect(afterKey({ ...MIDDLE, x: 0.8 }, "ArrowRight", false)?.x).toBe(0.8);
});

test("with Shift they change its size, and never to nothing", () => {
  expect(afterKey(MIDDLE, "ArrowDown", true)?.height).toBeCloseTo(0.22);
  expect(afterKey({ ...MIDDLE, width: 0.02 }, "ArrowLeft", true)?.width).toBe(0.02);
});

test("other keys are none of its business", () => {
  expect(afterKey(MIDDLE, "Tab", false)).toBeNull();
});

test("a photo of an hour ago was taken somewhere else", () => {
  expect(isSamePlace(0, 60_000)).toBe(true);
  expect(isSamePlace(0, 3_600_000)).toBe(false);
});
