const DEEPEST = 64;

/** Bytes that TUF signs: OLPC canonical JSON of what JSON.parse has returned. Throws `TypeError` where there are none. */
export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonical(value, 0));
}

/** Members sorted, no spaces, and in texts nothing escaped but the quotation mark and the backslash. */
function canonical(value: unknown, depth: number): string {
  if (depth > DEEPEST) throw new TypeError("this is nested too deeply");
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return canonicalNumber(value);
  if (typeof value === "string") return canonicalText(value);
  if (Array.isArray(value)) return `[${value.map((each: unknown) => canonical(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`${typeof value} is no JSON`);
  const members = Object.entries(value).sort(([one], [other]) => compareCodePoints(one, other));
  return `{${members.map(([name, each]) => `${canonicalText(name)}:${canonical(each, depth + 1)}`).join(",")}}`;
}

/** There are no fractions in this form, and beyond 2^53 nobody knows any more which number was signed. */
function canonicalNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} has no canonical form`);
  return String(value);
}

/** A lone surrogate has no UTF-8 form; the encoder would make another sign of it than was written. */
function canonicalText(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError("half a sign has no canonical form");
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Texts in the order of their UTF-8 bytes; JavaScript's own order parts signs beyond 16 bits. */
function compareCodePoints(one: string, other: string): number {
  const [left, right] = [Array.from(one), Array.from(other)];
  for (let place = 0; place < left.length && place < right.length; place += 1) {
    const difference = (left[place]?.codePointAt(0) ?? 0) - (right[place]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
