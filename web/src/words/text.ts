/** One string, or one for each grammatical number that the language tells apart (CLDR's names); `other` always counts. */
export type Text = string | Plurals;

export interface Plurals {
  readonly zero?: string;
  readonly one?: string;
  readonly two?: string;
  readonly few?: string;
  readonly many?: string;
  readonly other: string;
}

/** The names in braces of a text: `"n" | "total"` for `"{n} of {total}"`. */
export type ValuesOf<Words extends Text> = Words extends string
  ? NamesIn<Words>
  : Words extends Plurals
    ? NamesIn<Words["other"]>
    : never;

type NamesIn<Words extends string> = Words extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

export type Value = string | number;

/**
 * Fills a text in: numbers as `language` writes them, and of several forms the one that `n` asks for.
 * Throws where a value is missing, since half a sentence misleads.
 */
export function fill(text: Text, language: string, values: Readonly<Record<string, Value>>): string {
  return formFor(text, language, values["n"]).replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the value ${name} is missing`);
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

function formFor(text: Text, language: string, n: Value | undefined): string {
  if (typeof text === "string") return text;
  return text[new Intl.PluralRules(language).select(Number(n))] ?? text.other;
}
