import { checked, matching, type Reader } from "./document_reader.ts";

/** Ids of labels, bins, cities. */
export const id = matching(/^[a-z][a-z0-9_]{0,39}$/);

/** A SHA-256 digest. */
export const sha256 = matching(/^[0-9a-f]{64}$/);

/** A moment with its offset from UTC. */
export const moment = dated(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/);

/** A moment in this form, which is one of the calendar: nothing is ever later than one that is not. */
export function dated(form: RegExp): Reader<string> {
  return checked(matching(form), (value) => (Number.isNaN(Date.parse(value)) ? "is no date" : null));
}

/** Says which of `ids` is there more than once; null where none is. */
export function doubled(ids: readonly string[]): string | null {
  const seen = new Set<string>();
  const twice = ids.find((each) => seen.size === seen.add(each).size);
  return twice === undefined ? null : `has ${twice} more than once`;
}
