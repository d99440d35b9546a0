import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type PatchParts, patchOf, PREFIX, repeated, WINDOW_OF_2_MIB } from "../../tests/updates/patch_maker.ts";
import { joined } from "./byte_streams.ts";
import { bytesOfHex } from "./digests.ts";
import { applyPatch, patchPath } from "./patches.ts";

const PAGE = readFileSync(resolve(import.meta.dirname, "../../../docs/updates.md"), "utf8");
const OLD = Uint8Array.from({ length: 200 }, (_, place) => place);
const ONE_MORE = OLD.map((byte) => byte + 1);
const EXCHANGED = joined([OLD.subarray(100), OLD.subarray(0, 100)]);
/** The bytes of an example of docs/updates.md. */
function example(about: string): Uint8Array<ArrayBuffer> {
  const block = new RegExp(`<!-- patch: ${about} -->\n\`\`\`\n([^\`]*)`).exec(PAGE)?.[1] ?? "";
  const digits = block.split("\n").map((line) => (line.split("  ")[0] ?? "").replaceAll(" ", ""));
  return bytesOfHex(digits.join("")) ?? new Uint8Array();
}

type Changes = Partial<PatchParts>;

/** A patch of the old file to the one in which each byte is one more, or as `changes` say. */
function changed(blocks: readonly number[], changes: Changes = {}): Promise<Uint8Array<ArrayBuffer>> {
  return patchOf({ old: OLD, made: ONE_MORE, blocks, ...changes });
}

describe("a patch", () => {
  it.each([
    ["each byte one more", ONE_MORE],
    ["halves exchanged", EXCHANGED],
  ])("of docs/updates.md makes what the page says: %s", async (about, wanted) => {
    expect(await applyPatch(OLD, example(about), 200)).toEqual(wanted);
  });

  it("may come in several blocks, and make a file of another length", async () => {
    const blocks = [...repeated(1, 150, false), ...repeated(1, 50)];
    expect(await applyPatch(OLD, await changed(blocks), 200)).toEqual(ONE_MORE);
    const longer = new Uint8Array(300).fill(7);
    const prefix = { method: PREFIX, lengths: [200, 300], made: longer };
    expect(await applyPatch(OLD, await changed(repeated(7, 300), prefix), 300)).toEqual(longer);
  });

  it("has its place among the targets", () => {
    expect(patchPath("a".repeat(64), "b".repeat(64))).toBe(`patches/${"a".repeat(16)}-${"b".repeat(16)}.patch`);
  });
});

describe("a patch is refused", () => {
  const good = repeated(1, 200);

  it.each<[string, readonly number[], Changes, RegExp]>([
    ["of another method", good, { method: 3 }, /method 3/],
    ["for an old file of another length", good, { lengths: [199, 200] }, /another file than the one that is here/],
    ["beyond the length that was signed", good, { lengths: [200, 201] }, /201 bytes/],
    ["with another result", good, { made: OLD }, /another file than it names/],
    ["with a larger window", good, { window: WINDOW_OF_2_MIB }, /window/],
    ["that ends early", repeated(1, 199), {}, /1 bytes early/],
    ["that holds more", repeated(1, 201), {}, /more than 200/],
    ["that never says which block is the last", repeated(1, 200, false), {}, /cannot be read/],
    ["with a block of no known kind", [0x07, 0, 0], {}, /cannot be read/],
    [
      "by prefix that ends early",
      repeated(7, 199),
      { method: PREFIX, made: new Uint8Array(200).fill(7) },
      /another file/,
    ],
  ])("%s", async (_, blocks, changes, message) => {
    const patch = await changed(blocks, changes);
    await expect(applyPatch(OLD, patch, 200)).rejects.toThrow(message);
  });

  it("for another old file", async () => {
    await expect(applyPatch(ONE_MORE, await changed(good), 200)).rejects.toThrow(/another file than the one/);
  });

  it("where it unpacks to far more than it may, soon and without taking the room", async () => {
    const bomb = Array.from({ length: 5000 }, () => repeated(1, 1024, false)).flat();
    await expect(applyPatch(OLD, await changed(bomb), 200)).rejects.toThrow(/more than 200/);
    const prefix = { method: PREFIX, lengths: [200, 2 ** 26] };
    await expect(applyPatch(OLD, await changed(bomb, prefix), 2 ** 26)).rejects.toThrow(/bytes together/);
  });

  it("cut anywhere, or with any byte of its header changed", async () => {
    const patch = await changed(good);
    for (let length = 0; length < patch.length; length += 1) {
      await expect(applyPatch(OLD, patch.slice(0, length), 200)).rejects.toMatchObject({ name: "PatchProblem" });
    }
    for (let place = 0; place < 89; place += 1) {
      const changed = patch.slice();
      changed[place] = (changed[place] ?? 0) ^ 0x10;
      await expect(applyPatch(OLD, changed, 200)).rejects.toMatchObject({ name: "PatchProblem" });
    }
  });
});
