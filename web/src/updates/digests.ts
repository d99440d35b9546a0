export async function sha256Hex(content: Uint8Array<ArrayBuffer>): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", content)));
}

export function hexOf(content: Uint8Array): string {
  return Array.from(content, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Null where this is not an even number of hexadecimal digits. */
export function bytesOfHex(digits: string): Uint8Array<ArrayBuffer> | null {
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  return Uint8Array.from({ length: digits.length / 2 }, (_, place) =>
    Number.parseInt(digits.slice(2 * place, 2 * place + 2), 16),
  );
}

const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["sha256", "SHA-256"],
  ["sha512", "SHA-512"],
]);

/** Whether `content` has all of these digests, by algorithm; one that this app cannot compute is not had. */
export async function hasDigests(
  content: Uint8Array<ArrayBuffer>,
  digests: Readonly<Record<string, string>>,
): Promise<boolean> {
  for (const [name, wanted] of Object.entries(digests)) {
    const algorithm = ALGORITHMS.get(name);
    if (algorithm === undefined) return false;
    if (hexOf(new Uint8Array(await crypto.subtle.digest(algorithm, content))) !== wanted) return false;
  }
  return true;
}
