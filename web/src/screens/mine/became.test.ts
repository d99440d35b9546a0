import { describe, expect, test } from "vitest";
import type { Fate, PhotoRow } from "../../storage/tables.ts";
import { becameOf, isNews } from "./became.ts";

const ROW: PhotoRow = {
  id: "one",
  takenAt: 0,
  keptAt: 0,
  answer: {
    label: "glass",
    group: null,
    bestLabel: "glass",
    scores: { glass: 1 },
    release: 2,
    milliseconds: 1,
    novelty: null,
  },
  correction: null,
  isConfirmed: false,
  note: null,
  choice: { sends: true, allowsReview: true, allowsTraining: true, precision: "none", location: null, place: null },
  state: "only_here",
  problem: null,
  fate: null,
  seenAt: null,
  waiting: { submission: false, correction: false, consent: false, withdrawal: false },
  tried: null,
};
const FATE: Fate = {
  state: "inspected",
  receivedAt: "2026-11-20T10:00:00Z",
  goldLabel: null,
  quarantineReason: null,
  inReleases: [],
  isAccepted: null,
};

function words(row: Partial<PhotoRow>, hindrance: "network" | "wifi" | null = null): string {
  return becameOf({ ...ROW, ...row }, hindrance, (label) => label.toUpperCase()).words;
}

function sent(fate: Partial<Fate>): Partial<PhotoRow> {
  return { state: "sent", fate: { ...FATE, ...fate } };
}

describe("what became of a photo", () => {
  test("says what it waits for", () => {
    expect(words({ state: "only_here" })).toBe("Only on this phone");
    expect(words({ state: "waiting" }, "network")).toBe("Waits for a network");
    expect(words({ state: "waiting" }, "wifi")).toBe("Waits for Wi-Fi");
    expect(words({ state: "waiting" })).toBe("Waits to be sent");
  });

  test("follows it through the city", () => {
    expect(words({ state: "sent" })).toBe("Sent");
    expect(words(sent({ state: "received" }))).toBe("Arrived, is being prepared");
    expect(words(sent({}))).toBe("Waits for somebody to check it");
    expect(words(sent({ isAccepted: true, goldLabel: "glass" }))).toBe("Checked: it counts");
    expect(words(sent({ isAccepted: true, goldLabel: "glass", inReleases: [7, 9, 8] }))).toBe("In model 9");
  });

  test("says honestly what did not count", () => {
    expect(words(sent({ isAccepted: false, goldLabel: "metal" }))).toBe("Checked: it is METAL");
    expect(words(sent({ isAccepted: false }))).toBe("Checked: it cannot be used");
    expect(words(sent({ state: "quarantined" }))).toBe("Put aside by the city");
    expect(words({ state: "refused" })).toBe("Not accepted");
  });

  test("promises no check where nobody may look", () => {
    expect(words({ ...sent({}), choice: { ...ROW.choice, allowsReview: false } })).toBe("Arrived");
  });
});

test("only a decision that nobody has looked at is news", () => {
  expect(isNews({ ...ROW, ...sent({}) })).toBe(false);
  expect(isNews({ ...ROW, ...sent({ isAccepted: true }) })).toBe(true);
  expect(isNews({ ...ROW, ...sent({ isAccepted: true }), seenAt: 1 })).toBe(false);
});
