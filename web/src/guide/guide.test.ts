import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Guide, Rule } from "./guide.ts";
import { answer, today } from "./guide_answer.ts";
import { LONGEST_QUESTION, search } from "./guide_search.ts";
import { inkOn } from "./ink.ts";

// The same cases as tests/mobile_models/test_guide.py: both must answer alike.
const DAY = "2026-11-21";
const LABELS = ["cardboard", "glass", "metal", "paper", "plastic", "trash"];
const file = new URL("../../../mobile_models/guides/example.json", import.meta.url);
const example = published(JSON.parse(readFileSync(file, "utf8")) as Guide);

/** As it goes to phones: written by hand it leaves out what is empty. */
function published(guide: Guide): Guide {
  const whole = <Kind extends { readonly rules: readonly Rule[] }>(thing: Kind) => ({
    ...thing,
    rules: thing.rules.map(rule),
  });
  return { ...guide, labels: guide.labels.map(whole), items: guide.items.map(whole) };
}

function rule(changes: Partial<Rule>): Rule {
  return { bin: "blue", preparation: {}, drop_off: {}, hazard: {}, valid_from: null, valid_until: null, ...changes };
}

/** A guide of two bins, one label and nothing else. */
function small(...rules: Rule[]): Guide {
  return {
    format_version: 1,
    city: "hue",
    version: 1,
    names: { en: "Hue" },
    languages: ["en", "vi"],
    label_set: { id: "trashnet", version: 1 },
    bins: [
      { id: "blue", colour: "#1d5fbf", symbol: "paper", names: { en: "Blue bin", vi: "Thùng xanh" } },
      { id: "grey", colour: "#cccccc", symbol: "residual", names: { en: "Grey bin" } },
    ],
    labels: [{ id: "paper", names: { en: "Paper" }, rules }],
    items: [],
  };
}

describe("answer", () => {
  test("the example city answers each bundled label in three languages", () => {
    for (const language of example.languages) {
      const names = LABELS.map((label) => answer(example, label, language, DAY)?.name);
      expect(new Set(names).size).toBe(LABELS.length);
      expect(names).not.toContain(undefined);
    }
    const glass = answer(example, "glass", "vi", DAY);
    expect(glass).toMatchObject({ name: "Thủy tinh", binName: "Thùng xanh lá: thủy tinh", symbol: "bottle" });
    expect(glass?.preparation).toMatch(/^Đổ hết/);
  });

  test("nothing is said about what the guide does not know", () => {
    expect(answer(example, "unsure", "en", DAY)).toBeNull();
    expect(answer(example, "uranium", "en", DAY)).toBeNull();
  });

  test("a reader of another language gets the nearest one", () => {
    const guide = small(rule({}));
    expect(answer(guide, "paper", "vi-VN", DAY)).toMatchObject({ binName: "Thùng xanh", name: "Paper" });
    expect(answer(guide, "paper", "fr", DAY)?.binName).toBe("Blue bin");
  });

  test("a rule begins and ends on its days", () => {
    const guide = small(rule({ bin: "grey" }), rule({ valid_from: "2027-01-02", valid_until: "2027-01-31" }));
    const bins = ["2027-01-01", "2027-01-02", "2027-01-31", "2027-02-01"].map(
      (day) => answer(guide, "paper", "en", day)?.bin,
    );
    expect(bins).toEqual(["grey", "blue", "blue", "grey"]);
  });

  test("of rules in force the one that began last counts", () => {
    const guide = small(rule({ valid_from: "2027-01-01" }), rule({ bin: "grey", valid_from: "2026-01-01" }));
    expect(answer(guide, "paper", "en", "2026-12-31")?.bin).toBe("grey");
    expect(answer(guide, "paper", "en", "2027-06-01")?.bin).toBe("blue");
    expect(answer(guide, "paper", "en", "2025-12-31")).toBeNull();
  });

  test("today is the resident's day, not that of Greenwich", () => {
    expect(today(new Date(2026, 0, 5, 0, 30))).toBe("2026-01-05");
  });
});

test.each([
  ["#f2c200", "#000000"],
  ["#1d5fbf", "#ffffff"],
  ["#ffffff", "#000000"],
])("on %s symbols are drawn in %s", (colour, ink) => {
  expect(inkOn(colour)).toBe(ink);
});

describe("search", () => {
  test.each([
    ["coffee cup", "en", "coffee_cup"],
    ["NAPKINS", "en", "napkin"],
    ["plastic bag", "en", "plastic_bag"],
    ["gloves", "en", "glove"],
    ["medical waste", "en", "medical_waste"],
    ["batery", "en", "battery"],
    ["pziza box", "en", "pizza_box"],
    ["tui ni lông", "vi", "plastic_bag"],
    ["TÚI NILON", "vi", "plastic_bag"],
    ["dien thoai", "vi", "power_bank"],
    ["khau trang", "vi", "mask"],
    ["khăn giấy", "vi", "napkin"],
    ["电池", "zh", "battery"],
    ["用过的纸巾", "zh", "napkin"],
    ["外卖", "zh", "takeaway_box"],
    ["医疗", "zh", "medical_waste"],
    ["pizza", "zh", "pizza_box"],
    ["hop pizza", "en", "pizza_box"],
    ["glass", "en", "glass"],
  ])("%s (%s) finds %s", (words, language, found) => {
    const first = search(example, words, language, DAY).slice(0, 2);
    expect(first.map((each) => each.thing)).toContain(found);
  });

  test.each(["", "   ", "?!", "qwrtz", "x".repeat(5000), "🙂", "\0"])("%j finds nothing", (words) => {
    expect(search(example, words, "en", DAY)).toEqual([]);
  });

  test("a short word is not found inside of longer ones", () => {
    const found = search(example, "pin", "vi", DAY).map((each) => each.thing);
    expect(new Set(found)).toEqual(new Set(["battery", "power_bank"]));
  });

  test("what is found follows the day and the language", () => {
    const tree = [DAY, "2027-01-10"].map((day) => search(example, "christmas tree", "vi", day)[0]);
    expect(tree.map((each) => each?.bin)).toEqual(["recycling_centre", "residual"]);
    expect(tree[0]?.name).toBe("Cây thông Noel");
    expect(search(example, "a".repeat(LONGEST_QUESTION), "en", DAY)).toEqual([]);
  });
});
