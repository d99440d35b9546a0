import { expect, test } from "vitest";
import { answer, type AnswerRules, softmax } from "./answer.ts";
import { distanceOf } from "./novelty.ts";

const RULES: AnswerRules = {
  label_set: {
    labels: [
      { id: "can", group: null },
      { id: "bottle", group: null },
      { id: "peel", group: null },
    ],
  },
  temperature: 2,
  thresholds: { can: 0.5, bottle: 0.5, peel: 0.5 },
};
const GROUPED: AnswerRules = {
  ...RULES,
  label_set: {
    labels: [
      { id: "can", group: "recyclable" },
      { id: "bottle", group: "recyclable" },
      { id: "peel", group: null },
    ],
  },
};
/** The check value of docs/published-format.md. */
const NOVELTY = {
  weights: [2.0],
  other_weight: 10.0,
  threshold: 0.5,
  means: { columns: 3, scales: [0.007874015748031496, 0.007874015748031496], values: "fwAAAH8A" },
  directions: { columns: 3, scales: [0.006299212598425198], values: "X38A" },
};

test("scores are a softmax of the logits divided by the temperature", () => {
  const scores = softmax([2, 0, -2], 2);
  const sum = Math.E + 1 + 1 / Math.E;
  [Math.E / sum, 1 / sum, 1 / Math.E / sum].forEach((expected, n) => {
    expect(scores[n]).toBeCloseTo(expected, 12);
  });
});

test("large logits stay finite", () => {
  expect(softmax([1e4, 0], 1)[0]).toBe(1);
});

test("the most probable label is the answer where it reaches its threshold", () => {
  const said = answer(RULES, null, [0, 4, 0], []);
  expect(said).toMatchObject({ label: "bottle", bestLabel: "bottle", group: null, novelty: null });
  expect(Object.keys(said.scores)).toEqual(["can", "bottle", "peel"]);
});

test("below its threshold the answer is unsure, and the best label is still told", () => {
  expect(answer(RULES, null, [0, 0.5, 0], [])).toMatchObject({ label: "unsure", bestLabel: "bottle" });
});

test("two labels of one group may be sure together", () => {
  const said = answer(GROUPED, null, [1.9, 2, 0], []);
  expect(said).toMatchObject({ label: "unsure", group: "recyclable" });
});

test("a label without a group counts for the group of its name", () => {
  expect(answer(GROUPED, null, [0, 0, 5], [])).toMatchObject({ label: "peel", group: "peel" });
});

test("the distance is the one of the format's check value", () => {
  const distance = distanceOf(NOVELTY);
  expect(distance([1, 2, 2]) * NOVELTY.threshold).toBeCloseTo(6.630549, 6);
  expect(distance([3, 0, 0])).toBeCloseTo(0, 9);
});

test("too far from what was learnt, label and group are unsure whatever the scores", () => {
  const said = answer(GROUPED, distanceOf(NOVELTY), [0, 9, 0], [1, 2, 2]);
  expect(said).toMatchObject({ label: "unsure", bestLabel: "bottle", group: "unsure" });
  expect(said.novelty).toBeGreaterThan(1);
});

test("near enough, the scores decide", () => {
  expect(answer(RULES, distanceOf(NOVELTY), [0, 9, 0], [3, 0, 0]).label).toBe("bottle");
});
