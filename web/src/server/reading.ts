type Kind = "string" | "number" | "boolean" | "string?" | "boolean?" | "numbers";

/**
 * Whether `value` is an object that has `members` of these kinds; `?` allows null. What the server's description
 * promises is checked where it arrives, so that nothing that merely looks like an answer is believed.
 */
export function has<Members extends Readonly<Record<string, Kind>>>(
  value: unknown,
  members: Members,
): value is { readonly [Name in keyof Members]: Typed<Members[Name]> } {
  if (typeof value !== "object" || value === null) return false;
  const found = value as Readonly<Record<string, unknown>>;
  return Object.entries(members).every(([name, kind]) => isOf(kind, found[name]));
}

type Typed<Each extends Kind> = Each extends "string"
  ? string
  : Each extends "number"
    ? number
    : Each extends "boolean"
      ? boolean
      : Each extends "string?"
        ? string | null
        : Each extends "boolean?"
          ? boolean | null
          : readonly number[];

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === "numbers") return Array.isArray(value) && value.every((each) => typeof each === "number");
  if (kind.endsWith("?")) return value === null || typeof value === kind.slice(0, -1);
  return typeof value === kind;
}
