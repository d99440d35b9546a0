import { hexOf } from "../../src/updates/digests.ts";
import { canonicalBytes } from "../../src/updates/tuf/canonical_json.ts";

/** A key of the small city, with its private half. */
export interface TestKey {
  readonly id: string;
  readonly published: object;
  readonly sign: (payload: Uint8Array<ArrayBuffer>) => Promise<string>;
}

const CURVE = { name: "ECDSA", namedCurve: "P-256" };

export async function makeKey(id: string): Promise<TestKey> {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const pem = `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...spki))}\n-----END PUBLIC KEY-----\n`;
  return {
    id,
    published: { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } },
    async sign(payload) {
      const raw = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, payload);
      return hexOf(derSignature(new Uint8Array(raw)));
    },
  };
}

/** A file of metadata, signed by `keys`. */
export async function signedFile(signed: object, keys: readonly TestKey[]): Promise<Uint8Array<ArrayBuffer>> {
  const payload = canonicalBytes(signed);
  const signatures = await Promise.all(keys.map(async (key) => ({ keyid: key.id, sig: await key.sign(payload) })));
  return new TextEncoder().encode(JSON.stringify({ signatures, signed }));
}

/** The form that TUF's files carry of a signature that WebCrypto made. */
export function derSignature(raw: Uint8Array): Uint8Array {
  const parts = [...derInteger(raw.subarray(0, 32)), ...derInteger(raw.subarray(32))];
  return Uint8Array.from([0x30, parts.length, ...parts]);
}

function derInteger(scalar: Uint8Array): readonly number[] {
  const start = scalar.findIndex((byte) => byte !== 0);
  const digits = [...scalar.subarray(start)];
  const padded = (digits[0] ?? 0) > 0x7f ? [0, ...digits] : digits;
  return [0x02, padded.length, ...padded];
}
