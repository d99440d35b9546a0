import { computed, signal } from "@preact/signals";
import { en } from "./en.ts";
import { fill, type Text, type Value, type ValuesOf } from "./text.ts";

/** The app's languages. What the guide says comes in the guide's own. */
export const LANGUAGES = ["en", "vi", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

export type Key = keyof typeof en;
/** What each language must have: the same keys, and the same values to fill in where the test finds them. */
export type Catalogue = Readonly<Record<Key, Text>>;

/** How each language calls itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: "English", vi: "Tiếng Việt", zh: "中文" };

const chosen = signal<{ readonly language: Language; readonly catalogue: Catalogue }>({
  language: "en",
  catalogue: en,
});

/** The language that all words are in now. Components that read it, or call `t`, follow its changes. */
export const language = computed(() => chosen.value.language);

/**
 * The words for `key` in the current language; `values` are what stands in braces, and `n` chooses the plural.
 */
export function t<Name extends Key>(
  key: Name,
  ...values: ValuesOf<(typeof en)[Name]> extends never ? [] : [Readonly<Record<ValuesOf<(typeof en)[Name]>, Value>>]
): string {
  return fill(chosen.value.catalogue[key], chosen.value.language, values[0] ?? {});
}

/** The language that was asked for last; its words may still be on their way. */
let askedLast: Language = "en";

/**
 * Switches all words to the language that was asked for last, however late those of another one come. Rejects where the
 * words cannot be loaded; then the language stays what it was.
 */
export async function speak(wanted: Language): Promise<void> {
  askedLast = wanted;
  if (wanted === chosen.peek().language) return;
  const catalogue = await load(wanted);
  if (wanted !== askedLast) return;
  chosen.value = { language: wanted, catalogue };
  document.documentElement.lang = wanted;
}

/** The language of ours that the reader prefers, by the browser's list; English where there is none. */
export function preferredLanguage(preferences: readonly string[]): Language {
  const spoken = preferences.map((tag) => tag.split("-")[0]);
  return LANGUAGES.find((each) => each === spoken.find((one) => LANGUAGES.some((known) => known === one))) ?? "en";
}

async function load(wanted: Language): Promise<Catalogue> {
  switch (wanted) {
    case "en":
      return en;
    case "vi":
      return (await import("./vi.ts")).vi;
    case "zh":
      return (await import("./zh.ts")).zh;
  }
}
