import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { factoryFile } from "../../tests/updates/vectors.ts";
import { extendsLabelSet, readManifest } from "./manifest.ts";

const BUNDLED = resolve(import.meta.dirname, "../../../mobile_models/releases/2/manifest.json");

/** The manifest of the phones from the factory, changed. */
function changed(change: (manifest: Record<string, object>) => object): Uint8Array {
  const manifest = JSON.parse(new TextDecoder().decode(factoryFile("manifest.json"))) as Record<string, object>;
  return new TextEncoder().encode(JSON.stringify({ ...manifest, ...change(manifest) }));
}

const ROWS = { columns: 4, scales: [1, 1], values: "AAAAAAAAAAA=" };
const NOVELTY = { means: ROWS, directions: ROWS, weights: [1, 1], other_weight: 1, threshold: 1 };

describe("a manifest", () => {
  it("of the bundled release is understood, with its novelty", () => {
    const manifest = readManifest(new Uint8Array(readFileSync(BUNDLED)));
    expect(manifest.label_set.labels.map((label) => label.id)).toContain("cardboard");
    expect(manifest.novelty?.means.scales.length).toBe(manifest.label_set.labels.length);
  });

  it("may leave out what has a default", () => {
    const manifest = readManifest(changed(() => ({ novelty: NOVELTY, input_spec: { width: 16, height: 16 } })));
    expect(manifest.input_spec).toEqual({ width: 16, height: 16, crop: "none", filter: "triangle22" });
    expect(manifest.minimum_app_version).toBe("0.1");
    expect(manifest.novelty?.kind).toBe("mahalanobis");
  });

  it.each<[string, (manifest: Record<string, object>) => object]>([
    ["with a member that is not known", () => ({ later_invention: 1 })],
    ["with one deep inside", ({ model }) => ({ model: { ...model, later_invention: 1 } })],
    ["without a licence", () => ({ licence: undefined })],
    ["of another filter", ({ input_spec }) => ({ input_spec: { ...input_spec, filter: "lanczos" } })],
    ["with a digest that is none", ({ model }) => ({ model: { ...model, sha256: "AB" } })],
    ["made at no time", () => ({ created_at: "yesterday" })],
    ["made on a day that there is not", () => ({ created_at: "2026-13-01T00:00:00Z" })],
    ["with a temperature of nothing", () => ({ temperature: 0 })],
    ["without the threshold of a label", () => ({ thresholds: { glass: 0.5 } })],
    ["with the threshold of a stranger", () => ({ thresholds: { glass: 0.5, metal: 0.5, wood: 0.5 } })],
    ["with too few self-tests", () => ({ self_tests: [] })],
    ["with self-tests of other labels", () => ({ self_tests: Array(8).fill({ seed: 1, logits: [1], tolerance: 1 }) })],
    ["with a label that is reserved", ({ label_set }) => ({ label_set: { ...label_set, labels: labels("unsure") } })],
    ["with a label twice", ({ label_set }) => ({ label_set: { ...label_set, labels: labels("glass") } })],
    [
      "with novelty of other labels",
      () => ({ novelty: { ...NOVELTY, means: { ...ROWS, columns: 2, scales: [1, 1, 1, 1] } } }),
    ],
    ["with novelty that is cut", () => ({ novelty: { ...NOVELTY, means: { ...ROWS, values: "AAAA" } } })],
    ["with novelty that is no base64", () => ({ novelty: { ...NOVELTY, means: { ...ROWS, values: "ä" } } })],
    ["with a direction without weight", () => ({ novelty: { ...NOVELTY, weights: [1] } })],
  ])("%s is refused", (_, change) => {
    expect(() => readManifest(changed(change))).toThrow(expect.objectContaining({ name: "DocumentProblem" }) as Error);
  });

  it.each(["", "{", "[]", "null", "\u0000"])("that is %j is refused", (content) => {
    expect(() => readManifest(new TextEncoder().encode(content))).toThrow(/./);
  });
});

describe("a label set", () => {
  const set = (version: number, ...ids: string[]) => ({ id: "test", version, labels: named(...ids) });

  it.each([
    ["more at the end", set(2, "glass", "metal", "paper"), true],
    ["the same", set(1, "glass", "metal"), true],
    ["another order", set(2, "metal", "glass"), false],
    ["fewer", set(2, "glass"), false],
    ["more, of an older version", set(0, "glass", "metal", "paper"), false],
    ["another name", { ...set(2, "glass", "metal"), id: "other" }, false],
  ])("with %s", (_, newer, isExtension) => {
    expect(extendsLabelSet(newer, set(1, "glass", "metal"))).toBe(isExtension);
  });
});

function labels(second: string): readonly object[] {
  return named("glass", second);
}

function named(...ids: readonly string[]) {
  return ids.map((id) => ({ id, name: id, group: null }));
}
