import { describe, expect, it } from "vitest";
import { UpdateRefused } from "../refusals.ts";
import { delegatesOf, readTargets } from "./roles.ts";

interface Delegation {
  readonly name: string;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
  readonly path_hash_prefixes?: readonly string[];
}

/** `targets` that delegates to these roles. */
function targets(roles: readonly Delegation[], more: object = {}) {
  const delegations = {
    keys: {},
    roles: roles.map((role) => ({ keyids: [], threshold: 1, terminating: false, ...role })),
    ...more,
  };
  const signed = { _type: "targets", spec_version: "1.0.31", version: 1, expires: "2026-06-01T12:00:00Z", targets: {} };
  const file = { signatures: [], signed: { ...signed, delegations } };
  return readTargets(new TextEncoder().encode(JSON.stringify(file))).signed;
}

function asked(path: string, roles: readonly Delegation[]): readonly string[] {
  return delegatesOf(path, targets(roles)).map((role) => role.name);
}

describe("delegations", () => {
  it.each([
    ["guides/*", "guides/hanoi.json", true],
    ["guides/*", "guides/north/hanoi.json", false],
    ["guides/*", "models/2/model.tflite", false],
    ["*", "guides/hanoi.json", false],
    ["guides/?.json", "guides/a.json", true],
    ["guides/a.json", "guides/aXjson", false],
    ["guides/[a-z].json", "guides/a.json", false],
    ["guides/(*", "guides/(a", true],
  ])("to %s: %s", (pattern, path, isAsked) => {
    expect(asked(path, [{ name: "A", paths: [pattern] }])).toEqual(isAsked ? ["A"] : []);
  });

  it("are asked in their order, up to one that ends the search", () => {
    const roles = ["A", "B", "C"].map((name) => ({ name, paths: ["*"], terminating: name === "B" }));
    expect(asked("x", roles)).toEqual(["A", "B"]);
  });

  it("by hash are not passed over", () => {
    expect(() => asked("x", [{ name: "A", path_hash_prefixes: ["00"] }])).toThrow(UpdateRefused);
    expect(() => delegatesOf("x", targets([], { roles: undefined, succinct_roles: {} }))).toThrow(UpdateRefused);
  });

  it.each([
    ["to a role of the top", [{ name: "snapshot", paths: ["*"] }]],
    ["to the same role twice", [1, 2].map(() => ({ name: "A", paths: ["*"] }))],
  ])("%s are refused", (_, roles) => {
    expect(() => targets(roles)).toThrow("tampered_metadata");
  });
});
