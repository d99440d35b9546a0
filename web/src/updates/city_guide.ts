import type { Bin, Guide, GuideItem, GuideLabel, Rule } from "../guide/guide.ts";
import {
  checked,
  exactly,
  integer,
  list,
  matching,
  nullable,
  oneOf,
  optional,
  parse,
  type Reader,
  record,
  text,
} from "./document_reader.ts";
import { doubled, id } from "./published_formats.ts";

/** Phones take no larger guide. */
export const GUIDE_LIMIT_BYTES = 512 * 1024;

const language = matching(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$/);
const SYMBOLS = [
  ...["paper", "box", "bottle", "can", "packaging", "food", "residual"],
  ...["hazard", "battery", "medicine", "plug", "shirt", "house", "recycle"],
] as const;

const name = wording(80);
const names = filled(record(name, language));
const texts = optional(record(wording(500), language), {});
const day = optional(nullable(checked(matching(/^\d{4}-\d\d-\d\d$/), isDay)), null);

const bin = exactly({ id, colour: matching(/^#[0-9a-f]{6}$/), symbol: oneOf(...SYMBOLS), names });

const rule = checked(
  exactly({ bin: id, preparation: texts, drop_off: texts, hazard: texts, valid_from: day, valid_until: day }),
  ({ valid_from, valid_until }) =>
    valid_from !== null && valid_until !== null && valid_until < valid_from ? "ends before it begins" : null,
);

const rules = checked(optional(list(rule, 0, 8), []), (given) =>
  new Set(given.map((each) => each.valid_from)).size < given.length ? "has two rules from the same day" : null,
);

const guide = checked(
  exactly({
    format_version: optional(integer(1), 1),
    city: id,
    version: integer(1),
    names,
    languages: checked(list(language, 1, 12), doubled),
    label_set: exactly({ id, version: integer(1) }),
    bins: optional(withUniqueIds(list(bin, 0, 40)), []),
    labels: optional(withUniqueIds(list(exactly({ id, rules, names }), 0, 400)), []),
    items: optional(
      withUniqueIds(list(exactly({ id, rules, names: filled(record(list(name, 1, 12), language)) }), 0, 2000)),
      [],
    ),
  }),
  (given) => foreignBin(given) ?? foreignLanguage(given),
);

/** Where a city's guide lies among the targets. */
export function guidePath(city: string): string {
  return `guides/${city}.json`;
}

/** Reads a guide. Throws `DocumentProblem` unless it is one of this city that this version of the app understands. */
export function readGuideOf(city: string, content: Uint8Array): Guide {
  return parse(
    content,
    checked(guide, (given) => (given.city === city ? null : `is the guide of ${given.city}`)),
  );
}

function foreignBin({ bins, labels, items }: Guide): string | null {
  const known = new Set(bins.map((each) => each.id));
  const found = rulesOf(labels, items).find((each) => !known.has(each.bin));
  return found === undefined ? null : `has a rule for the bin ${found.bin}, which there is not`;
}

function foreignLanguage({ names, languages, bins, labels, items }: Guide): string | null {
  const texts = [
    names,
    ...[...bins, ...labels, ...items].map((each: Bin | GuideLabel | GuideItem) => each.names),
    ...rulesOf(labels, items).flatMap((each) => [each.preparation, each.drop_off, each.hazard]),
  ];
  const found = texts.flatMap((each) => Object.keys(each)).find((each) => !languages.includes(each));
  return found === undefined ? null : `has texts in ${found}, which is no language of the guide`;
}

function rulesOf(labels: readonly GuideLabel[], items: readonly GuideItem[]): readonly Rule[] {
  return [...labels, ...items].flatMap((each) => each.rules);
}

/** A text for people, without spaces around it and without control characters. */
function wording(most: number): Reader<string> {
  const shown: Reader<string> = (value, place) =>
    text(1, most)(typeof value === "string" ? value.trim() : value, place);
  return checked(shown, (value) => (/(?![\n\t])[\p{Cc}\p{Cs}]/u.test(value) ? "contains control characters" : null));
}

function filled<Value>(read: Reader<Readonly<Record<string, Value>>>): Reader<Readonly<Record<string, Value>>> {
  return checked(read, (value) => (Object.keys(value).length === 0 ? "is empty" : null));
}

function withUniqueIds<Value extends { readonly id: string }>(
  read: Reader<readonly Value[]>,
): Reader<readonly Value[]> {
  return checked(read, (given) => doubled(given.map((each) => each.id)));
}

function isDay(value: string): string | null {
  const moment = new Date(`${value}T00:00:00Z`);
  const isOne = !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(value);
  return isOne ? null : "is no day of the calendar";
}
