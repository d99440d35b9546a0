import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import { erase } from "../storage/database.ts";
import { cohortId } from "./cohort.ts";

test("a phone has one name, whoever asks first, until it is forgotten", async () => {
  const [one, other] = await Promise.all([cohortId(), cohortId()]);
  expect([other, await cohortId()]).toEqual([one, one]);
  await erase("cohortId");
  expect(await cohortId()).not.toBe(one);
});
