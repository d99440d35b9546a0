import type { Region } from "../../contributions/pictures.ts";

/** In shares (0 to 1) of the photo. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Of the photo's width or height: what is smaller was a tap, not a cover. */
const SMALLEST = 0.02;
const STEP = 0.02;

/** What a cover begins as where nobody draws it: in the middle, and easily seen. */
export const MIDDLE: Region = { x: 0.35, y: 0.35, width: 0.3, height: 0.3 };

/** The rectangle between two points; null where it is too small to be meant. All in shares of the photo. */
export function between(one: Point, other: Point): Region | null {
  const region = {
    x: Math.min(one.x, other.x),
    y: Math.min(one.y, other.y),
    width: Math.abs(one.x - other.x),
    height: Math.abs(one.y - other.y),
  };
  return region.width < SMALLEST || region.height < SMALLEST ? null : region;
}

/** A cover after a key: arrows move it, with Shift they change its size. Null for any other key. */
export function afterKey(region: Region, key: string, hasShift: boolean): Region | null {
  const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
  if (step === undefined) return null;
  const [right = 0, down = 0] = step;
  if (hasShift) {
    return {
      ...region,
      width: clamped(region.width + right, STEP, 1 - region.x),
      height: clamped(region.height + down, STEP, 1 - region.y),
    };
  }
  return {
    ...region,
    x: clamped(region.x + right, 0, 1 - region.width),
    y: clamped(region.y + down, 0, 1 - region.height),
  };
}

function clamped(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
