import type { Bin, Guide, GuideItem, GuideLabel, Rule, Texts } from "./guide.ts";

/** What the phone shows about a thing, in the reader's language as far as the guide goes. */
export interface GuideAnswer {
  readonly thing: string;
  readonly name: string;
  readonly bin: string;
  readonly binName: string;
  /** `#rrggbb` */
  readonly colour: string;
  readonly symbol: string;
  readonly preparation: string | null;
  readonly dropOff: string | null;
  readonly hazard: string | null;
}

export type Thing = GuideLabel | GuideItem;

/**
 * What the guide says about a label on a day (YYYY-MM-DD); null where it says nothing, as about `unsure`.
 * Rules as in docs/published-format.md: of those in force the one that began last.
 */
export function answer(guide: Guide, label: string, language: string, day: string): GuideAnswer | null {
  const found = guide.labels.find((each) => each.id === label);
  return found === undefined ? null : answerAbout(guide, found, language, day);
}

export function answerAbout(guide: Guide, thing: Thing, language: string, day: string): GuideAnswer | null {
  const rule = ruleOn(thing.rules, day);
  const chosen = guide.bins.find((each) => each.id === rule?.bin);
  if (rule === null || chosen === undefined) return null;
  const languages = fallbacks(guide, language);
  return {
    thing: thing.id,
    name: nameOf(thing, languages),
    bin: chosen.id,
    binName: binName(chosen, languages),
    colour: chosen.colour,
    symbol: chosen.symbol,
    preparation: inLanguage(rule.preparation, languages),
    dropOff: inLanguage(rule.drop_off, languages),
    hazard: inLanguage(rule.hazard, languages),
  };
}

/** The name of a label for the reader: the guide's, else null. */
export function labelName(guide: Guide | null, label: string, language: string): string | null {
  const found = guide?.labels.find((each) => each.id === label);
  return guide === null || found === undefined ? null : nameOf(found, fallbacks(guide, language));
}

/** The guide's languages, that of the reader first: `vi` also where `vi-VN` is asked for. */
export function fallbacks(guide: Guide, language: string): readonly string[] {
  const asked = [language, language.split("-")[0] ?? language];
  return [...new Set([...asked.filter((each) => guide.languages.includes(each)), ...guide.languages])];
}

/** The text in the first of `languages` that there is one in. */
export function inLanguage(texts: Texts, languages: readonly string[]): string | null {
  for (const language of languages) {
    const text = texts[language];
    if (text !== undefined) return text;
  }
  return null;
}

export function binName(bin: Bin, languages: readonly string[]): string {
  return inLanguage(bin.names, languages) ?? bin.id;
}

/** All names of a thing in a language, the shown one first. */
export function namesIn(thing: Thing, language: string): readonly string[] {
  const names = thing.names[language];
  return names === undefined ? [] : typeof names === "string" ? [names] : names;
}

/** Today where the resident is, as YYYY-MM-DD. */
export function today(moment: Date = new Date()): string {
  const [year, month, day] = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  return [year, month, day].map((part) => String(part).padStart(2, "0")).join("-");
}

function nameOf(thing: Thing, languages: readonly string[]): string {
  return languages.flatMap((language) => namesIn(thing, language))[0] ?? thing.id;
}

/** The rule in force that began last. */
function ruleOn(rules: readonly Rule[], day: string): Rule | null {
  const inForce = rules.filter((rule) => (rule.valid_from ?? day) <= day && day <= (rule.valid_until ?? day));
  return inForce.reduce<Rule | null>(
    (latest, rule) => (latest === null || (rule.valid_from ?? "") > (latest.valid_from ?? "") ? rule : latest),
    null,
  );
}
