import { expect, test } from "vitest";
import { stillAhead } from "./said_last.ts";

const BOTH = { allowsReview: true, allowsTraining: true };

test("what is read between two changes does not show over the second", () => {
  expect(stillAhead(BOTH, { allowsReview: true, allowsTraining: false })).toEqual(BOTH);
});

test("once all of it is kept, what is kept counts, whoever changes it next", () => {
  expect(stillAhead(BOTH, BOTH)).toEqual({});
  expect(stillAhead({ allowsTraining: true }, { allowsReview: false, allowsTraining: true })).toEqual({});
});
