import { language } from "./words.ts";

/** `0.874` as "87%", the way the current language writes it. */
export function percent(share: number): string {
  return new Intl.NumberFormat(language.value, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value);
}

const SMALLEST_UNIT = ["kilobyte", 1e3] as const;
const UNITS = [["gigabyte", 1e9], ["megabyte", 1e6], SMALLEST_UNIT] as const;

/** A size as people read it: "24.8 MB". A megabyte has a million bytes, as shops and phones count. */
export function bytes(count: number): string {
  const [unit, size] = UNITS.find(([, least]) => count >= least) ?? SMALLEST_UNIT;
  const value = count / size;
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit,
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

/** "21 November 2026" */
export function day(moment: Date | string): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "long" }).format(new Date(moment));
}

/** "21 Nov 2026, 20:04" */
export function dayAndTime(moment: Date | string): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}

/** "0.4 seconds" */
export function seconds(milliseconds: number): string {
  const format = { style: "unit", unit: "second", unitDisplay: "long", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language.value, format).format(Math.max(0.1, milliseconds / 1000));
}
