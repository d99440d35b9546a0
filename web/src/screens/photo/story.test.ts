import { expect, test } from "vitest";
import type { Fate, PhotoRow } from "../../storage/tables.ts";
import { storyOf } from "./story.ts";

const FATE: Fate = {
  state: "inspected",
  receivedAt: "2026-11-20T10:00:00Z",
  goldLabel: "plastic",
  quarantineReason: null,
  inReleases: [7],
  isAccepted: true,
};
const CORRECTED: PhotoRow = {
  id: "one",
  takenAt: Date.UTC(2026, 10, 19),
  keptAt: Date.UTC(2026, 10, 20),
  answer: {
    label: "glass",
    group: null,
    bestLabel: "glass",
    scores: { glass: 1 },
    release: 2,
    milliseconds: 1,
    novelty: null,
  },
  correction: { label: "plastic", reason: null },
  isConfirmed: false,
  note: null,
  choice: { sends: true, allowsReview: true, allowsTraining: true, precision: "none", location: null, place: null },
  state: "sent",
  problem: null,
  fate: FATE,
  seenAt: null,
  waiting: { submission: false, correction: false, consent: false, withdrawal: false },
  tried: null,
};

function words(changes: Partial<PhotoRow>): string[] {
  return storyOf({ ...CORRECTED, ...changes }, (label) => label.toUpperCase()).map((event) => event.words);
}

test("a correction that was accepted is followed into the model", () => {
  expect(words({})).toEqual([
    "Photo taken",
    "You corrected it: PLASTIC",
    "Arrived at the city",
    "Somebody checked it, and it counts: PLASTIC",
    "Your correction is in model 7",
  ]);
});

test("a correction that reviewers decided against did not teach the model, the photo did", () => {
  expect(words({ fate: { ...FATE, isAccepted: false, goldLabel: "metal" } }).slice(-2)).toEqual([
    "Somebody checked it and decided: METAL",
    "Your photo is in model 7",
  ]);
});

test("what was never sent has no story at the city", () => {
  expect(words({ fate: null, state: "only_here", correction: null })).toEqual(["Photo taken"]);
  expect(words({ fate: null, state: "waiting" }).at(-1)).toBe("Waits to be sent");
});

test("what was put aside is said to be seen by nobody", () => {
  expect(
    words({ fate: { ...FATE, state: "quarantined", isAccepted: null, goldLabel: null, inReleases: [] } }),
  ).toContain("The city put it aside; nobody sees it, and no model learns from it");
});
