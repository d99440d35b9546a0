import { expect, test } from "vitest";
import { sizeIn } from "./photo_size.ts";

/** The first bytes of a picture of 300 x 217 pixels, as Pillow writes it. */
const HEADS = {
  PNG: "iVBORw0KGgoAAAANSUhEUgAAASwAAADZCAIAAAAVN5o8",
  "lossy WebP": "UklGRsgAAABXRUJQVlA4ILwAAADwEQCdASosAdkA",
  "lossless WebP": "UklGRiYAAABXRUJQVlA4TBoAAAAvKwE2AAdQ5CrU",
  "extended WebP": "UklGRvYAAABXRUJQVlA4WAoAAAAQAAAAKwEA2AAA",
};
const JFIF = [0xff, 0xe0, 0, 16, ...ascii("JFIF"), 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
const TABLES = [0xff, 0xc4, 0, 4, 0, 0];
const SCAN = [0xff, 0xda, 0, 2];

function ascii(text: string): number[] {
  return [...Buffer.from(text, "ascii")];
}

function frame(marker: number, width: number, height: number): number[] {
  return [0xff, marker, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3];
}

function jpeg(...segments: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array([0xff, 0xd8, ...segments.flat()]);
}

test.each(Object.entries(HEADS))("a %s tells its size", (_, head) => {
  expect(sizeIn(Buffer.from(head, "base64"))).toEqual({ width: 300, height: 217 });
});

test.each([
  ["baseline", 0xc0],
  ["progressive", 0xc2],
  ["arithmetic", 0xc9],
])("a %s JPEG tells its size", (_, marker) => {
  expect(sizeIn(jpeg(JFIF, TABLES, frame(marker, 4032, 3024), SCAN))).toEqual({ width: 4032, height: 3024 });
});

test("the small picture in the EXIF of a JPEG is not taken for the photo", () => {
  const small = [...jpeg(frame(0xc0, 160, 120), SCAN)];
  const exif = [0xff, 0xe1, 0, 8 + small.length, ...ascii("Exif"), 0, 0, ...small];
  expect(sizeIn(jpeg(exif, [0xff], frame(0xc0, 9248, 6936)))).toEqual({ width: 9248, height: 6936 });
});

test("the size is found where the head is a part of a larger buffer", () => {
  const head = Buffer.from(HEADS.PNG, "base64");
  const whole = new Uint8Array([1, 2, 3, ...head]);
  expect(sizeIn(whole.subarray(3))).toEqual({ width: 300, height: 217 });
});

test.each([
  ["nothing", new Uint8Array()],
  ["text", new TextEncoder().encode("no photo at all, but rather long for a text of its kind")],
  ["another kind of picture", new TextEncoder().encode("\0\0\0\x18ftypheic\0\0\0\0mif1heic, and so on")],
  ["a WebP of a kind to come", new TextEncoder().encode("RIFF\0\0\0\0WEBPVP99 and enough bytes behind it")],
  ["a JPEG without a frame before its scan", jpeg(JFIF, SCAN, frame(0xc0, 1, 1))],
  ["a JPEG that tells its height later", jpeg(frame(0xc0, 300, 0))],
  ["a JPEG with something else between its segments", jpeg(JFIF, [0], frame(0xc0, 1, 1))],
])("%s tells none", (_, head) => {
  expect(sizeIn(head)).toBeNull();
});

test.each([...Object.values(HEADS).map((head) => Buffer.from(head, "base64")), jpeg(JFIF, frame(0xc0, 300, 217))])(
  "a head that ends too early tells none, wherever it ends",
  (head) => {
    for (let length = 0; length < 24; length++) expect(sizeIn(head.subarray(0, length))).toBeNull();
  },
);
