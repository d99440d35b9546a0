import { describe, expect, it } from "vitest";
import { derSignature, makeKey, type TestKey } from "../../../tests/updates/signing.ts";
import { hexOf } from "../digests.ts";
import type { Key } from "./roles.ts";
import { isSignedBy, rawSignature } from "./signatures.ts";

const PAYLOAD = new TextEncoder().encode("what was signed");

/** The keys by id, as a file of metadata lists them. */
function listed(...keys: readonly TestKey[]): Record<string, Key> {
  return Object.fromEntries(keys.map((key) => [key.id, key.published as Key]));
}

async function signed(...keys: readonly TestKey[]) {
  const made = await Promise.all(keys.map(async (key) => [key.id, await key.sign(PAYLOAD)] as const));
  return { payload: PAYLOAD, signatures: new Map(made) };
}

describe("a threshold", () => {
  it("is reached by enough keys of the role, and by nobody else's", async () => {
    const [anna, bert, carla] = [await makeKey("anna"), await makeKey("bert"), await makeKey("carla")];
    const role = { keyids: ["anna", "bert"], threshold: 2 };
    const keys = listed(anna, bert, carla);
    expect(await isSignedBy(await signed(anna, bert), role, keys)).toBe(true);
    expect(await isSignedBy(await signed(anna, carla), role, keys)).toBe(false);
    expect(await isSignedBy({ ...(await signed(anna, bert)), payload: PAYLOAD.slice(1) }, role, keys)).toBe(false);
  });

  it("counts a key once, under however many ids it is listed", async () => {
    const anna = await makeKey("anna");
    const again = { ...anna, id: "anna, again" };
    const role = { keyids: [anna.id, again.id], threshold: 2 };
    expect(await isSignedBy(await signed(anna, again), role, listed(anna, again))).toBe(false);
  });

  it.each([
    ["of another kind", { keytype: "ed25519", scheme: "ed25519" }],
    ["of another scheme", { scheme: "ecdsa-sha2-nistp384" }],
    ["that cannot be read", { keyval: { public: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" } }],
    ["that is no PEM", { keyval: { public: "ab01" } }],
  ])("is not reached by a key %s, which does no harm either", async (_, changes) => {
    const [anna, bert] = [await makeKey("anna"), await makeKey("bert")];
    const keys = { ...listed(anna, bert), bert: { ...(bert.published as Key), ...changes } };
    const both = await signed(anna, bert);
    expect(await isSignedBy(both, { keyids: ["anna", "bert"], threshold: 1 }, keys)).toBe(true);
    expect(await isSignedBy(both, { keyids: ["anna", "bert"], threshold: 2 }, keys)).toBe(false);
  });
});

describe("a signature in DER", () => {
  it("becomes r and s, each in 32 bytes, whatever zeros they begin with", () => {
    for (const first of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const raw = new Uint8Array(64).fill(0x5a);
      raw[0] = first;
      raw[32] = 0xff - first;
      expect(rawSignature(hexOf(derSignature(raw)))).toEqual(raw);
    }
  });

  it.each([
    ["of an odd number of digits", "300"],
    ["with other signs", "zz"],
    ["empty", ""],
    ["that is no sequence", "3106020101020101"],
    ["of another length than it says", "3007020101020101"],
    ["with something behind it", "300602010102010100"],
    ["of one number", "3003020101"],
    ["with a negative number", "3006020181020101"],
    ["with an empty number", "300402000200"],
    ["of numbers that are too long", `3048${`0222${"7f".repeat(34)}`.repeat(2)}`],
  ])("%s is none", (_, digits) => {
    expect(rawSignature(digits)).toBeNull();
  });
});
