/** What exactly is fed to a model (docs/published-format.md, "What is fed, to the pixel"). */
export interface InputSpec {
  readonly width: number;
  readonly height: number;
  /** `none`: the whole photo is stretched; `centre_square`: its largest centred square. */
  readonly crop: "none" | "centre_square";
  readonly filter: "triangle22";
}

/** An upright sRGB picture that is read a few rows at a time, so that no photo has to lie in memory twice. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGBA of `count` rows from `first`, row by row; what stands in A does not matter. */
  rows(first: number, count: number): Uint8ClampedArray;
}

/** For each wanted pixel: where its sources begin, and their integer weights, all `taps` long and padded with zeros. */
interface Weights {
  readonly first: Int32Array;
  readonly taps: number;
  readonly values: Int32Array;
}

const ROWS_AT_ONCE = 64;
const HALF = 1 << 21;

/**
 * Returns uint8 [1, height, width, 3], RGB, as every implementation of the format feeds it: `triangle22`, the
 * horizontal pass first, each pass rounded to 8 bits.
 */
export function prepare(picture: Picture, spec: InputSpec): Uint8Array<ArrayBuffer> {
  const region = regionOf(picture, spec);
  const across = weights(picture.width, region.left, region.width, spec.width);
  const down = weights(picture.height, region.top, region.height, spec.height);
  const top = Math.min(...down.first);
  const bottom = Math.min(picture.height, Math.max(...down.first) + down.taps);
  const narrow = new Uint8Array((bottom - top) * spec.width * 3);
  for (let row = top; row < bottom; row += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, bottom - row);
    narrowRows(picture.rows(row, count), picture.width, across, narrow, (row - top) * spec.width * 3);
  }
  return shortened(narrow, spec.width * 3, top, down);
}

function regionOf({ width, height }: Picture, { crop }: InputSpec) {
  if (crop === "none") return { left: 0, top: 0, width, height };
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}

/** The weights of one pass from a line of `size` pixels, of which the region is `length` from `start`. */
function weights(size: number, start: number, length: number, wanted: number): Weights {
  const scale = length / wanted;
  const support = Math.max(scale, 1);
  const taps = Math.min(size, Math.ceil(support * 2) + 1);
  const first = new Int32Array(wanted);
  const values = new Int32Array(wanted * taps);
  for (let place = 0; place < wanted; place++) {
    const centre = start + (place + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    const raw: number[] = [];
    for (let source = begin; source < end; source++) {
      raw.push(Math.max(0, 1 - Math.abs((source - centre + 0.5) / support)));
    }
    const sum = raw.reduce((total, weight) => total + weight, 0);
    // The padding must not lead beyond the line, so the sources of the last pixels begin earlier, with zeros.
    const from = Math.min(begin, size - taps);
    first[place] = from;
    raw.forEach((weight, n) => (values[place * taps + begin - from + n] = Math.floor((weight / sum) * 2 ** 22 + 0.5)));
  }
  return { first, taps, values };
}

/** The horizontal pass over rows of RGBA, into rows of RGB that begin at `at` of `into`. */
function narrowRows(rgba: Uint8ClampedArray, width: number, weights: Weights, into: Uint8Array, at: number): void {
  const { first, taps, values } = weights;
  const count = rgba.length / (width * 4);
  for (let row = 0, out = at; row < count; row++) {
    for (let place = 0; place < first.length; place++, out += 3) {
      let source = (row * width + (first[place] as number)) * 4;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = place * taps, end = tap + taps; tap < end; tap++, source += 4) {
        const weight = values[tap] as number;
        red += weight * (rgba[source] as number);
        green += weight * (rgba[source + 1] as number);
        blue += weight * (rgba[source + 2] as number);
      }
      into[out] = byteOf(red);
      into[out + 1] = byteOf(green);
      into[out + 2] = byteOf(blue);
    }
  }
}

/** The vertical pass over rows of `length` bytes, of which the first is row `top` of the picture. */
function shortened(
  rows: Uint8Array,
  length: number,
  top: number,
  { first, taps, values }: Weights,
): Uint8Array<ArrayBuffer> {
  const fed = new Uint8Array(first.length * length);
  const sums = new Int32Array(length);
  for (let place = 0; place < first.length; place++) {
    sums.fill(HALF);
    for (let tap = 0; tap < taps; tap++) {
      const weight = values[place * taps + tap] as number;
      if (weight === 0) continue;
      const source = ((first[place] as number) + tap - top) * length;
      for (let n = 0; n < length; n++) sums[n] = (sums[n] as number) + weight * (rows[source + n] as number);
    }
    for (let n = 0; n < length; n++) fed[place * length + n] = byteOf(sums[n] as number);
  }
  return fed;
}

function byteOf(sum: number): number {
  const value = sum >> 22;
  return value > 255 ? 255 : value;
}
