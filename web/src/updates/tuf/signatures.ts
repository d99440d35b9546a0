import { bytesOfHex } from "../digests.ts";
import type { Key, Role } from "./roles.ts";

const SCHEME = "ecdsa-sha2-nistp256";
const KEY_TYPES: readonly string[] = ["ecdsa", SCHEME];
const SCALAR_BYTES = 32;
const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** What was signed, in its canonical form, and by key id the signatures in hexadecimal digits. */
export interface SignedBytes {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly signatures: ReadonlyMap<string, string>;
}

/**
 * Whether enough keys of `role` have signed. A key counts once, under whatever ids it is listed; a key of another kind
 * than ECDSA P-256, an unreadable one, and a signature that does not verify count for nothing.
 */
export async function isSignedBy(
  signed: SignedBytes,
  role: Role,
  keys: Readonly<Record<string, Key>>,
): Promise<boolean> {
  const counted = new Set<string>();
  for (const keyId of role.keyids) {
    const key = keys[keyId];
    const signature = signed.signatures.get(keyId);
    if (key === undefined || signature === undefined) continue;
    if (await verifies(key, signature, signed.payload)) counted.add(bytesOfPem(key.keyval.public).join());
  }
  return counted.size >= role.threshold;
}

async function verifies(key: Key, signature: string, payload: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const raw = rawSignature(signature);
  if (raw === null || key.scheme !== SCHEME || !KEY_TYPES.includes(key.keytype)) return false;
  const verifier = await importKey(key.keyval.public);
  return verifier !== null && crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifier, raw, payload);
}

async function importKey(pem: string): Promise<CryptoKey | null> {
  try {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    return await crypto.subtle.importKey("spki", bytesOfPem(pem), curve, false, ["verify"]);
  } catch {
    return null; // A DOMException: this is no such key.
  }
}

/** The bytes of a PEM block; empty where it is none. */
function bytesOfPem(pem: string): Uint8Array<ArrayBuffer> {
  const body = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1] ?? "";
  try {
    return Uint8Array.from(atob(body.replace(/\s/g, "")), (sign) => sign.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

/** The form that WebCrypto takes (r and s, 32 bytes each) of a signature in DER; null where it is none. */
export function rawSignature(hexadecimal: string): Uint8Array<ArrayBuffer> | null {
  const der = bytesOfHex(hexadecimal);
  if (der === null || der[0] !== SEQUENCE || der[1] !== der.length - 2) return null;
  const r = readInteger(der, 2);
  const s = r === null ? null : readInteger(der, r.end);
  if (r === null || s?.end !== der.length) return null;
  const raw = new Uint8Array(2 * SCALAR_BYTES);
  raw.set(r.digits, SCALAR_BYTES - r.digits.length);
  raw.set(s.digits, 2 * SCALAR_BYTES - s.digits.length);
  return raw;
}

/** A positive integer of DER, without the zero that keeps its first bit from being a sign. */
function readInteger(der: Uint8Array, place: number): { digits: Uint8Array; end: number } | null {
  const length = der[place + 1] ?? 0;
  const end = place + 2 + length;
  const content = der.subarray(place + 2, end);
  if (der[place] !== INTEGER || length === 0 || content.length !== length || (content[0] ?? 0) > 0x7f) return null;
  const digits = content[0] === 0 ? content.subarray(1) : content;
  return digits.length > SCALAR_BYTES ? null : { digits, end };
}
