import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readGuideOf } from "./city_guide.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../../mobile_models/guides/example.json");

const BIN = { id: "paper", colour: "#0055aa", symbol: "paper", names: { en: "Paper" } };
const RULE = { bin: "paper" };
const GUIDE = {
  city: "hanoi",
  version: 3,
  names: { en: " Hanoi " },
  languages: ["en", "vi"],
  label_set: { id: "test", version: 1 },
  bins: [BIN],
  labels: [{ id: "cardboard", names: { en: "Cardboard", vi: "Bìa" }, rules: [RULE] }],
  items: [{ id: "box", names: { en: ["Box", "Carton"] } }],
};

function read(changes: object) {
  return readGuideOf("hanoi", new TextEncoder().encode(JSON.stringify({ ...GUIDE, ...changes })));
}

describe("a guide", () => {
  it("of the example city is understood whole", () => {
    const content = new Uint8Array(readFileSync(EXAMPLE));
    const { city } = JSON.parse(new TextDecoder().decode(content)) as { city: string };
    const guide = readGuideOf(city, content);
    expect(guide.items.length).toBeGreaterThan(40);
    expect(guide.languages).toEqual(["en", "vi", "zh"]);
  });

  it("may leave out what has a default", () => {
    const guide = read({});
    expect(guide.names).toEqual({ en: "Hanoi" });
    expect(guide.labels[0]?.rules[0]).toEqual({
      ...{ bin: "paper", preparation: {}, drop_off: {}, hazard: {} },
      ...{ valid_from: null, valid_until: null },
    });
    expect(guide.items[0]?.rules).toEqual([]);
  });

  it.each([
    ["of another city", { city: "hue" }],
    ["with a member that is not known", { later_invention: 1 }],
    ["with a bin of no colour", { bins: [{ ...BIN, colour: "blue" }] }],
    ["with a symbol that is not drawn", { bins: [{ ...BIN, symbol: "unicorn" }] }],
    ["with a bin twice", { bins: [BIN, BIN] }],
    ["with a bin without a name", { bins: [{ ...BIN, names: {} }] }],
    ["with a text in no language of its own", { bins: [{ ...BIN, names: { en: "Paper", zh: "纸" } }] }],
    ["with a rule for a bin that there is not", labelled([{ bin: "glass" }])],
    ["with two rules from one day", labelled([RULE, RULE])],
    ["with a rule that ends first", labelled([{ ...RULE, valid_from: "2026-02-02", valid_until: "2026-02-01" }])],
    ["with a day that there is not", labelled([{ ...RULE, valid_from: "2026-02-30" }])],
    ["with control characters", { names: { en: "Ha\u0007noi" } }],
    ["with an empty text", { names: { en: "  " } }],
    ["with a name of 81 characters", { names: { en: "x".repeat(81) } }],
    ["with a language twice", { languages: ["en", "en"] }],
    ["in no language", { languages: [] }],
  ])("%s is refused", (_, changes) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ name: "DocumentProblem" }) as Error);
  });

  it("counts characters, and not what they are stored in", () => {
    expect(read({ names: { en: "🗑".repeat(80) } }).names["en"]).toHaveLength(160);
  });
});

function labelled(rules: readonly object[]): object {
  return { labels: [{ id: "cardboard", names: { en: "Cardboard" }, rules }] };
}
