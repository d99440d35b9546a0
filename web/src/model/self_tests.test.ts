import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { difference, picture } from "./self_tests.ts";

test("a seed gives the picture that the format says", () => {
  const digest = createHash("sha256")
    .update(picture(1, 224, 224))
    .digest("hex");
  expect(digest).toBe("dc488bae2da7ec7037fa7b8d4d4f4cc01fa6cd2942aae47a48f087729501dd5c");
});

test("a seed beyond 31 bits is taken as it is", () => {
  expect(picture(2 ** 32 - 8, 4, 4)).not.toEqual(picture(0, 4, 4));
});

test("the worst logit decides", () => {
  expect(difference({ seed: 1, logits: [1, 2], tolerance: 0.1 }, [1.25, 2])).toBe(0.25);
});

test("what is no number, or missing, differs endlessly", () => {
  const wanted = { seed: 1, logits: [1, 2], tolerance: 0.1 };
  expect(difference(wanted, [1, NaN])).toBe(Infinity);
  expect(difference(wanted, [1])).toBe(Infinity);
});
