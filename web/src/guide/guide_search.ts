import type { Guide } from "./guide.ts";
import { answerAbout, fallbacks, type GuideAnswer, namesIn, type Thing } from "./guide_answer.ts";

/** Letters of a question that count; nobody types more by hand. */
export const LONGEST_QUESTION = 80;

const [SAME, BEGINS, WORDS_BEGIN, CONTAINS, SLIPS] = [0, 1, 2, 3, 4];
const LEAST_PART = 4;
/** Added for a name in another language than the reader's. */
const FOREIGN = 0.5;

/**
 * What the guide says about the things that `words` may mean, the likeliest first, then in the guide's order.
 *
 * Upper case, accents and marks of tone make no difference; scripts without spaces are found by any part of a name; one
 * slip of a finger in a word of four letters or more is forgiven, two in one of eight or more (docs/published-format.md).
 */
export function search(guide: Guide, words: string, language: string, day: string, limit = 8): readonly GuideAnswer[] {
  const asked = folded(signs(words).slice(0, LONGEST_QUESTION).join(""));
  if (asked === "") return [];
  return [...guide.items, ...guide.labels]
    .map((thing) => ({ thing, rank: rankOf(guide, thing, asked, language) }))
    .filter((each) => each.rank !== Infinity)
    .sort((one, other) => one.rank - other.rank)
    .map((each) => answerAbout(guide, each.thing, language, day))
    .filter((each) => each !== null)
    .slice(0, limit);
}

const foldedNames = new Map<string, string>(); // All names of a guide: people type letter by letter.

/** `text` without case, accents and punctuation, with single spaces. */
function folded(text: string): string {
  // To upper case and back, so that ß becomes ss, as the case folding of Unicode has it.
  const plain = text.toUpperCase().toLowerCase().replaceAll("đ", "d").normalize("NFKD").replace(/\p{M}/gu, "");
  return (plain.match(/[\p{L}\p{N}_]+/gu) ?? []).join(" ");
}

function foldedName(name: string): string {
  const known = foldedNames.get(name);
  if (known !== undefined) return known;
  const fresh = folded(name);
  foldedNames.set(name, fresh);
  return fresh;
}

/** How far the best name of `thing` is from what was asked; infinite for too far. */
function rankOf(guide: Guide, thing: Thing, asked: string, language: string): number {
  const ranks = fallbacks(guide, language).flatMap((each, place) =>
    namesIn(thing, each).map((name) => match(asked, foldedName(name)) + (place === 0 ? 0 : FOREIGN)),
  );
  return Math.min(...ranks, Infinity);
}

function match(asked: string, name: string): number {
  const [words, known] = [asked.split(" "), name.split(" ")];
  if (asked === name) return SAME;
  if (name.startsWith(asked)) return BEGINS;
  if (words.every((word) => known.some((each) => each.startsWith(word)))) return WORDS_BEGIN;
  if (isPart(asked, name)) return CONTAINS;
  return words.every((word) => known.some((each) => isSlip(word, each))) ? SLIPS : Infinity;
}

/** A sign of Chinese is a word; three Latin letters are in everything, such as a pin in shopping. */
function isPart(asked: string, name: string): boolean {
  const isLongEnough = signs(asked).length >= LEAST_PART || !isAscii(asked);
  return (isLongEnough && name.includes(asked)) || (!isAscii(name) && asked.includes(name));
}

/** The code points of a text, which is what Python counts, too. */
function signs(text: string): readonly string[] {
  return Array.from(text);
}

function isAscii(text: string): boolean {
  return !/[^ -~]/.test(text);
}

function isSlip(word: string, meant: string): boolean {
  if (word === meant) return true;
  const [typed, wanted] = [signs(word), signs(meant)];
  const allowed = typed.length >= 8 ? 2 : typed.length >= 4 ? 1 : 0;
  return allowed > 0 && Math.abs(typed.length - wanted.length) <= allowed && distance(typed, wanted) <= allowed;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function distance(one: readonly string[], other: readonly string[]): number {
  let last: number[] = [];
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  const at = (line: readonly number[], column: number) => line[column] ?? Infinity;
  one.forEach((letter, place) => {
    [last, before, row] = [before, row, [place + 1]];
    for (let column = 1; column <= other.length; column++) {
      const wanted = other[column - 1];
      const isSwap = place > 0 && column > 1 && letter === other[column - 2] && one[place - 1] === wanted;
      row[column] = Math.min(
        at(before, column) + 1,
        at(row, column - 1) + 1,
        at(before, column - 1) + (letter === wanted ? 0 : 1),
        isSwap ? at(last, column - 2) + 1 : Infinity,
      );
    }
  });
  return at(row, other.length);
}
