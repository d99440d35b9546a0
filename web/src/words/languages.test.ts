import { describe, expect, test } from "vitest";
import { en } from "./en.ts";
import type { Text } from "./text.ts";
import { vi } from "./vi.ts";
import type { Catalogue, Key } from "./words.ts";
import { zh } from "./zh.ts";

const KEYS = Object.keys(en) as Key[];
/** The same in every language. */
const NAMES = new Set<Key>(["app.name"]);
/** What Chinese writes in Latin letters as well. */
const LATIN = /Wastelens|Wi-Fi|Safari|JPEG|PNG|WebP|https|Shift|Delete|Apache/g;

function formsOf(text: Text): string[] {
  return typeof text === "string" ? [text] : Object.values<string>({ ...text });
}

function valuesIn(form: string): string {
  return [...form.matchAll(/\{\w+\}/g)].map(String).sort().join();
}

describe.each<[string, Catalogue]>([
  ["vi", vi],
  ["zh", zh],
])("%s", (language, catalogue) => {
  test("says everything that English says, and nothing in English", () => {
    expect(Object.keys(catalogue).sort()).toEqual([...KEYS].sort());
    const english = KEYS.filter((key) => {
      const inEnglish = formsOf(en[key]).filter(hasWords);
      return !NAMES.has(key) && formsOf(catalogue[key]).some((form) => inEnglish.includes(form));
    });
    expect(english).toEqual([]);
  });

  test("fills in the same values", () => {
    const different = KEYS.filter((key) => {
      const wanted = valuesIn(formsOf(en[key]).at(-1) ?? "");
      return formsOf(catalogue[key]).some((form) => valuesIn(form) !== wanted);
    });
    expect(different).toEqual([]);
  });

  test("has the plurals of the language where English has plurals", () => {
    const wanted = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    const without = KEYS.filter((key) => {
      const text = catalogue[key];
      const has = typeof text === "string" ? [] : Object.keys(text);
      return typeof en[key] !== "string" && wanted.some((category) => !has.includes(category));
    });
    expect(without).toEqual([]);
  });
});

test("English has a form for each of its numbers", () => {
  const texts: readonly Text[] = KEYS.map((key) => en[key]);
  const plurals = texts.filter((text) => typeof text !== "string");
  expect(plurals.map((text) => Object.keys(text).sort())).toEqual(plurals.map(() => ["one", "other"]));
});

test("Chinese has no word in Latin letters but names", () => {
  const left = KEYS.filter((key) =>
    formsOf(zh[key]).some((form) => /[A-Za-z]/.test(form.replace(/\{\w+\}/g, "").replace(LATIN, ""))),
  );
  expect(left).toEqual([]);
});

/** Whether anything but values and signs is in it. */
function hasWords(form: string): boolean {
  return /\p{L}/u.test(form.replace(/\{\w+\}/g, ""));
}
