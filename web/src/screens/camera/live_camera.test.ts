import { expect, test } from "vitest";
import { visiblePart } from "./live_camera.ts";

test("a wide picture in a tall box loses its sides, in equal parts", () => {
  expect(visiblePart({ width: 1600, height: 1200 }, { width: 300, height: 600 })).toEqual({
    width: 600,
    height: 1200,
    left: 500,
    top: 0,
  });
});

test("a tall picture in a wide box loses top and bottom", () => {
  expect(visiblePart({ width: 1200, height: 1600 }, { width: 800, height: 600 })).toEqual({
    width: 1200,
    height: 900,
    left: 0,
    top: 350,
  });
});

test("a picture of the box's shape is seen whole", () => {
  expect(visiblePart({ width: 640, height: 480 }, { width: 320, height: 240 })).toEqual({
    width: 640,
    height: 480,
    left: 0,
    top: 0,
  });
});
