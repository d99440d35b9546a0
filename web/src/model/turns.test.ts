import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

test("one piece of work at a time is done, in order, and one that fails holds nobody up", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const work = async (name: string) => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
    if (name === "first") throw new Error("it failed");
    return name;
  };
  const [first, second] = [turns.take(() => work("first")), turns.take(() => work("second"))];
  await expect(first).rejects.toThrow("it failed");
  expect(await second).toBe("second");
  expect(seen).toEqual(["first begins", "first ends", "second begins", "second ends"]);
});
