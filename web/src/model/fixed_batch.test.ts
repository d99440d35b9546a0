import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fixBatch } from "./fixed_batch.ts";

const RELEASED = new URL("../../../mobile_models/releases/2/model.tflite", import.meta.url);
const TINY = new URL("../../../tests/tiny_model.tflite", import.meta.url);

test("an open batch is closed, and nothing else is touched", () => {
  const before = new Uint8Array(readFileSync(RELEASED));
  const after = before.slice();
  fixBatch(after);
  expect(Buffer.from(before).includes(signature(-1, 224, 224, 3))).toBe(true);
  expect(Buffer.from(after).includes(signature(-1, 224, 224, 3))).toBe(false);
  expect(changedWords(before, after)).toEqual(new Set([1]));
});

test("a model of one photo is left as it is", () => {
  const before = new Uint8Array(readFileSync(TINY));
  const after = before.slice();
  fixBatch(after);
  expect(after).toEqual(before);
});

test("what is no model ends with an error, not with an endless search", () => {
  expect(() => {
    fixBatch(new Uint8Array(64).fill(0x7f));
  }).toThrow(RangeError);
});

/** A shape as a FlatBuffers vector. */
function signature(...shape: number[]): Buffer {
  const bytes = Buffer.alloc(4 + shape.length * 4);
  [shape.length, ...shape].forEach((value, n) => bytes.writeInt32LE(value, n * 4));
  return bytes;
}

/** What the words that differ have become. */
function changedWords(before: Uint8Array, after: Uint8Array): Set<number> {
  const [one, other] = [before, after].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const changed = new Set<number>();
  for (let place = 0; place + 4 <= before.length; place += 4) {
    const word = other?.getInt32(place, true) ?? NaN;
    if (one?.getInt32(place, true) !== word) changed.add(word);
  }
  return changed;
}
