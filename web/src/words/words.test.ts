import { beforeEach, describe, expect, test, vi } from "vitest";
import { fill } from "./text.ts";
import { type Language, preferredLanguage } from "./words.ts";

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

describe("the language", () => {
  /** Lets the words of Vietnamese arrive, which are on a slow way. */
  let arrive: () => void;

  beforeEach(() => {
    vi.resetModules();
    vi.stubGlobal("document", { documentElement: {} });
    const way = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    vi.doMock("./vi.ts", async (original) => {
      await way;
      return original();
    });
    return () => {
      vi.doUnmock("./vi.ts");
      vi.unstubAllGlobals();
    };
  });

  test.each<Language>(["zh", "en"])(
    "is the one that was chosen last, here %s, also where another comes later",
    async (last) => {
      const { language, speak } = await import("./words.ts");
      const late = speak("vi");
      await speak(last);
      arrive();
      await late;
      expect([language.value, document.documentElement.lang]).toEqual([last, last === "en" ? undefined : last]);
    },
  );
});
