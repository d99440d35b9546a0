import type { Choice, Precision } from "../storage/tables.ts";

/** Decimals of a degree: about a metre, a street's block, a district. The server rounds in the same way. */
const DECIMALS = { exact: 5, street: 3, district: 2 } as const;

/** A position as precise as the resident chose, and no more; null where none is to be told. */
export function rounded(location: Choice["location"], precision: Precision): Choice["location"] {
  if (location === null || precision === "none") return null;
  const round = (degrees: number) => Number(degrees.toFixed(DECIMALS[precision]));
  return { latitude: round(location.latitude), longitude: round(location.longitude) };
}
