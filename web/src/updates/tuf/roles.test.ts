import { describe, expect, it } from "vitest";
import { factoryFile } from "../../../tests/updates/vectors.ts";
import { readRoot, readTimestamp } from "./roles.ts";

const ROOT = JSON.parse(new TextDecoder().decode(factoryFile("root.json"))) as { signed: Record<string, object> };

function root(changes: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...ROOT, signed: { ...ROOT.signed, ...changes } }));
}

describe("metadata", () => {
  it("is read with members that this version does not know, and signs them", () => {
    const read = readRoot(root({ "x-later-invention": 1 }));
    expect(read.signed.version).toBe(1);
    expect(new TextDecoder().decode(read.payload)).toContain('"x-later-invention":1');
  });

  it.each([
    ["of another role", { _type: "timestamp" }],
    ["of another specification", { spec_version: "2.0.0" }],
    ["without a version", { version: undefined }],
    ["of version 0", { version: 0 }],
    ["of half a version", { version: 1.5 }],
    ["that expires on no day of the calendar", { expires: "2026-13-01T12:00:00Z" }],
    ["that expires in another form", { expires: "2026-06-01 12:00" }],
    ["without a role", { roles: {} }],
    ["with a threshold of nobody", { roles: withRole({ threshold: 0 }) }],
    ["with a key twice", { roles: withRole({ keyids: ["a", "a"] }) }],
    ["that is nothing", null],
  ])("%s is refused", (_, changes) => {
    const content = changes === null ? new Uint8Array() : root(changes);
    expect(() => readRoot(content)).toThrow(expect.objectContaining({ reason: "tampered_metadata" }) as Error);
  });

  it("finds nothing under names that objects have anyway", () => {
    const { signed } = readRoot(factoryFile("root.json"));
    expect(signed.keys["constructor"]).toBeUndefined();
    expect(() => readTimestamp(root({ _type: "timestamp", meta: {} }))).toThrow("snapshot.json");
  });
});

function withRole(changes: object): object {
  const { roles } = ROOT.signed;
  return { ...roles, timestamp: { keyids: ["a"], threshold: 1, ...changes } };
}
