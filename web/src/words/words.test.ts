import { describe, expect, test } from "vitest";
import { fill } from "./text.ts";
import { preferredLanguage } from "./words.ts";

describe("fill", () => {
  test("chooses the plural of the language and writes numbers as it does", () => {
    const things = { one: "{n} thing", other: "{n} things" };
    expect(fill(things, "en", { n: 1 })).toBe("1 thing");
    expect(fill(things, "en", { n: 1200 })).toBe("1,200 things");
    expect(fill(things, "vi", { n: 1 })).toBe("1 things");
  });

  test("refuses half a sentence", () => {
    expect(() => fill("{n} of {total}", "en", { n: 1 })).toThrow("total");
  });
});

describe("preferredLanguage", () => {
  test("is the first of the reader's that the app has", () => {
    expect(preferredLanguage(["de-DE", "zh-Hant-TW", "vi"])).toBe("zh");
    expect(preferredLanguage(["vi-VN", "en"])).toBe("vi");
  });

  test("is English where the app has none of them", () => {
    expect(preferredLanguage(["de", "fr"])).toBe("en");
    expect(preferredLanguage([])).toBe("en");
  });
});
