/**
 * What foreign JSON must look like, said once: a reader checks a value and gives it its type.
 *
 * Guarantees: what a reader returns has exactly the form that its type says, whatever was sent; anything else is a
 * `DocumentProblem` that names the place.
 */
export type Reader<Value> = (value: unknown, place: string) => Value;

/** What a reader returns. */
export type Read<R> = R extends Reader<infer Value> ? Value : never;

/** The document is not what it should be. */
export class DocumentProblem extends Error {
  override readonly name = "DocumentProblem";
}

/** Parses UTF-8 JSON. Throws `DocumentProblem` for anything else. */
export function parse<Value>(content: Uint8Array, read: Reader<Value>): Value {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch (error) {
    throw new DocumentProblem(`this is no JSON: ${String(error)}`, { cause: error });
  }
  return read(value, "");
}

/** A member that may be missing; then it is `fallback`. */
export function optional<Value, const Fallback>(read: Reader<Value>, fallback: Fallback): Reader<Value | Fallback> {
  return (value, place) => (value === undefined ? fallback : read(value, place));
}

export function nullable<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value, place) => (value === null ? null : read(value, place));
}

/** A text of so many characters (code points). */
export function text(least = 0, most = Infinity): Reader<string> {
  return (value, place) => {
    if (typeof value !== "string") throw problem(place, "is no text");
    const length = value.length > most ? Array.from(value).length : value.length;
    if (length < least || length > most) throw problem(place, `has not between ${least} and ${most} characters`);
    return value;
  };
}

export function matching(pattern: RegExp): Reader<string> {
  return checked(text(), (value) => (pattern.test(value) ? null : `does not match ${pattern.source}`));
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): Reader<Choice> {
  return (value, place) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw problem(place, `is none of ${choices.join(", ")}`);
    return found;
  };
}

export function number(isAllowed: (value: number) => boolean = () => true): Reader<number> {
  return (value, place) => {
    if (typeof value !== "number" || !Number.isFinite(value) || !isAllowed(value)) {
      throw problem(place, "is not such a number");
    }
    return value;
  };
}

/** A whole number that a double holds exactly. */
export function integer(least = -Infinity, most = Infinity): Reader<number> {
  return number((value) => Number.isSafeInteger(value) && value >= least && value <= most);
}

export const boolean: Reader<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw problem(place, "is neither true nor false");
  return value;
};

export function list<Value>(read: Reader<Value>, least = 0, most = Infinity): Reader<readonly Value[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) throw problem(place, "is no such list");
    return value.map((each: unknown, index) => read(each, `${place}[${index}]`));
  };
}

/** Names to values of one kind. It has no other members, so that a name like `constructor` finds nothing. */
export function record<Value>(
  read: Reader<Value>,
  name: Reader<string> = text(),
): Reader<Readonly<Record<string, Value>>> {
  return (value, place) => {
    const members = Object.entries(asObject(value, place)).map(
      ([key, each]) => [name(key, `${place}.${key}`), read(each, `${place}.${key}`)] as const,
    );
    return Object.assign(Object.create(null) as Record<string, Value>, Object.fromEntries(members));
  };
}

type Members = Readonly<Record<string, Reader<unknown>>>;
type ObjectOf<M extends Members> = { readonly [Name in keyof M]: Read<M[Name]> };

/** An object with these members; others are refused, since what they mean is not known here. */
export function exactly<M extends Members>(members: M): Reader<ObjectOf<M>> {
  const read = atLeast(members);
  return (value, place) => {
    const stranger = Object.keys(asObject(value, place)).find((name) => !Object.hasOwn(members, name));
    if (stranger !== undefined) throw problem(`${place}.${stranger}`, "is not known to this version of the app");
    return read(value, place);
  };
}

/** An object with these members; others are passed over, as TUF wants it. */
export function atLeast<M extends Members>(members: M): Reader<ObjectOf<M>> {
  return (value, place) => {
    const given = asObject(value, place);
    const found = Object.entries(members).map(([name, read]) => {
      const member = Object.hasOwn(given, name) ? given[name] : undefined;
      return [name, read(member, `${place}.${name}`)] as const;
    });
    return Object.fromEntries(found) as ObjectOf<M>;
  };
}

/** `read`, and what only the whole can tell: `check` returns what is wrong, or null. */
export function checked<Value>(read: Reader<Value>, check: (value: Value) => string | null): Reader<Value> {
  return (value, place) => {
    const result = read(value, place);
    const wrong = check(result);
    if (wrong !== null) throw problem(place, wrong);
    return result;
  };
}

function asObject(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw problem(place, "is no object");
  return value as Readonly<Record<string, unknown>>;
}

function problem(place: string, what: string): DocumentProblem {
  return new DocumentProblem(`${place.replace(/^\./, "") || "it"} ${what}`);
}
