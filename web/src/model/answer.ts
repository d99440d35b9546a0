import type { Distance } from "./novelty.ts";

/** The answer where no label reaches its threshold, or the photo is too far from what the model learnt from. */
export const UNSURE = "unsure";

/** The part of a manifest that answers are made by. */
export interface AnswerRules {
  readonly label_set: { readonly labels: readonly { readonly id: string; readonly group: string | null }[] };
  readonly temperature: number;
  /** Label id to the score below which the answer is `unsure`. */
  readonly thresholds: Readonly<Record<string, number>>;
}

export interface ModelAnswer {
  /** Label id, or `unsure`. */
  readonly label: string;
  /** The most probable label, whatever its threshold. */
  readonly bestLabel: string;
  /** Label id to probability, in the order of the label set. */
  readonly scores: Readonly<Record<string, number>>;
  /** Group id, or `unsure`; null where the labels have no groups. */
  readonly group: string | null;
  /** Share of the distance beyond which the answer is unsure; null where the manifest has none. */
  readonly novelty: number | null;
}

/** Turns what a model puts out into an answer (docs/published-format.md, "The answer"). */
export function answer(
  rules: AnswerRules,
  distance: Distance | null,
  logits: ArrayLike<number>,
  embedding: ArrayLike<number>,
): ModelAnswer {
  const ids = rules.label_set.labels.map((label) => label.id);
  const probabilities = softmax(logits, rules.temperature);
  const ranked = new Map(ids.map((id, n) => [id, probabilities[n] as number]));
  const scores = Object.fromEntries(ranked);
  const novelty = distance === null ? null : distance(embedding);
  const isKnown = novelty === null || novelty <= 1;
  const bestLabel = largest(ranked);
  const isSure = isKnown && (scores[bestLabel] ?? 0) >= (rules.thresholds[bestLabel] ?? Infinity);
  return { label: isSure ? bestLabel : UNSURE, bestLabel, scores, group: groupOf(rules, scores, isKnown), novelty };
}

/** Probabilities of `logits` divided by `temperature`, in double precision. */
export function softmax(logits: ArrayLike<number>, temperature: number): Float64Array {
  const scaled = Float64Array.from(logits, (logit) => logit / temperature);
  const highest = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function groupOf(rules: AnswerRules, scores: Readonly<Record<string, number>>, isKnown: boolean): string | null {
  const labels = rules.label_set.labels;
  if (labels.every((label) => label.group === null)) return null;
  if (!isKnown) return UNSURE;
  const sums = new Map<string, number>();
  const lowest = new Map<string, number>();
  for (const { id, group } of labels) {
    const name = group ?? id; // A label without one, where others have one, counts for the group of its own name.
    sums.set(name, (sums.get(name) ?? 0) + (scores[id] ?? 0));
    lowest.set(name, Math.min(lowest.get(name) ?? Infinity, rules.thresholds[id] ?? Infinity));
  }
  const best = largest(sums);
  return (sums.get(best) ?? 0) >= (lowest.get(best) ?? Infinity) ? best : UNSURE;
}

/** The first of the largest. */
function largest(values: ReadonlyMap<string, number>): string {
  return [...values].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}
