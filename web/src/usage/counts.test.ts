import { expect, test } from "vitest";
import { latencyBucket } from "./counts.ts";

test.each([
  [0, 0],
  [0.5, 0],
  [1, 0],
  [1.42, 1],
  [80, 12],
  [1000, 19],
  [92_681, 32],
  [92_682, 33],
  [10_000_000, 33],
])("%f milliseconds are counted in bucket %i", (milliseconds, bucket) => {
  expect(latencyBucket(milliseconds)).toBe(bucket);
});
