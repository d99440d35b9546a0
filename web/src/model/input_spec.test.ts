import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { type InputSpec, type Picture, prepare } from "./input_spec.ts";
import { picture } from "./self_tests.ts";

const GOLDEN = {
  none: "b6f5f976327d04513b839c0332b757d7a6ce3dca76252d91e01f67b37af46d85",
  centre_square: "29b23f872bb4f2912eed793748f579a432cb7331034d94b27705d7a7db2824fc",
} as const;

function spec(width: number, height: number, crop: InputSpec["crop"] = "none"): InputSpec {
  return { width, height, crop, filter: "triangle22" };
}

function pictureOf(rgb: Uint8Array, width: number, height: number): Picture {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  rgb.forEach((value, n) => (rgba[Math.floor(n / 3) * 4 + (n % 3)] = value));
  return { width, height, rows: (first, count) => rgba.subarray(first * width * 4, (first + count) * width * 4) };
}

/** The formula of docs/published-format.md, word for word, for one line of one channel. */
function onePass(line: readonly number[], start: number, length: number, wanted: number): number[] {
  const scale = length / wanted;
  const support = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, p) => {
    const centre = start + (p + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(line.length, Math.trunc(centre + support + 0.5));
    const sources = Array.from({ length: last - first }, (_, n) => first + n);
    const raw = sources.map((s) => Math.max(0, 1 - Math.abs((s - centre + 0.5) / support)));
    const whole = raw.reduce((sum, each) => sum + each, 0);
    const sum = sources.reduce((total, s, n) => {
      return total + Math.floor(((raw[n] ?? 0) / whole) * 2 ** 22 + 0.5) * (line[s] ?? 0);
    }, 2 ** 21);
    return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
  });
}

function bySecondImplementation(rgb: Uint8Array, width: number, height: number, wanted: InputSpec): number[] {
  const side = Math.min(width, height);
  const isSquare = wanted.crop === "centre_square";
  const [left, top] = isSquare ? [Math.floor((width - side) / 2), Math.floor((height - side) / 2)] : [0, 0];
  const [across, down] = isSquare ? [side, side] : [width, height];
  const fed = new Array<number>(wanted.width * wanted.height * 3);
  for (let c = 0; c < 3; c++) {
    const rows = Array.from({ length: height }, (_, y) => {
      const line = Array.from({ length: width }, (_, x) => rgb[(y * width + x) * 3 + c] ?? NaN);
      return onePass(line, left, across, wanted.width);
    });
    for (let x = 0; x < wanted.width; x++) {
      const column = onePass(
        rows.map((row) => row[x] ?? NaN),
        top,
        down,
        wanted.height,
      );
      column.forEach((value, y) => (fed[(y * wanted.width + x) * 3 + c] = value));
    }
  }
  return fed;
}

test.each(["none", "centre_square"] as const)("golden pixels never change, crop %s", (crop) => {
  const photo = pictureOf(picture(7, 480, 640), 640, 480);
  const fed = prepare(photo, spec(224, 224, crop));
  expect(createHash("sha256").update(fed).digest("hex")).toBe(GOLDEN[crop]);
});

test.each([
  [96, 128],
  [31, 77],
  [16, 16],
  [20, 200],
  [333, 250],
  [3, 5],
])("a picture of %i x %i is fed as the format says", (width, height) => {
  const rgb = picture(1, height, width);
  for (const wanted of [spec(32, 32), spec(24, 40, "centre_square")]) {
    const fed = prepare(pictureOf(rgb, width, height), wanted);
    expect([...fed]).toEqual(bySecondImplementation(rgb, width, height, wanted));
  }
});

test("a picture of the right size is fed as it is", () => {
  const rgb = picture(5, 32, 48);
  expect(prepare(pictureOf(rgb, 48, 32), spec(48, 32))).toEqual(rgb);
});

test("only the rows that are needed are read", () => {
  const photo = pictureOf(picture(2, 300, 20), 20, 300);
  const read: number[] = [];
  const watched: Picture = {
    ...photo,
    rows(first, count) {
      read.push(first, first + count);
      return photo.rows(first, count);
    },
  };
  prepare(watched, spec(16, 16, "centre_square"));
  expect(Math.min(...read)).toBeGreaterThan(130);
  expect(Math.max(...read)).toBeLessThan(170);
});
