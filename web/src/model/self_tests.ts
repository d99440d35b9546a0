/** An input made from `seed` and the logits that it must give, within `tolerance`. */
export interface SelfTest {
  readonly seed: number;
  readonly logits: readonly number[];
  readonly tolerance: number;
}

const BOARD_SIZES = [1, 2, 3, 5, 8, 13, 21, 34] as const;
const NOISE_SIXTEENTHS = [0, 1, 2, 4] as const;

/**
 * The input of `seed`, uint8 [1, height, width, 3]: the same on every phone, by integer arithmetic alone
 * (docs/published-format.md, "Self-tests").
 */
export function picture(seed: number, height: number, width: number): Uint8Array<ArrayBuffer> {
  const size = BOARD_SIZES[seed % 8] as number;
  const share = NOISE_SIXTEENTHS[seed % 4] as number;
  const board = bytes(seed, 0, size * size * 3);
  const noise = bytes(seed, size * size * 3, height * width * 3);
  const mixed = new Uint8Array(noise.length);
  for (let y = 0, place = 0; y < height; y++) {
    const row = Math.floor((y * size) / height) * size;
    for (let x = 0; x < width; x++) {
      const cell = (row + Math.floor((x * size) / width)) * 3;
      for (let c = 0; c < 3; c++, place++) {
        mixed[place] = ((16 - share) * (board[cell + c] as number) + share * (noise[place] as number)) >> 4;
      }
    }
  }
  return mixed;
}

/** By how much the worst logit is off; Infinity where one is no number. */
export function difference(test: SelfTest, logits: ArrayLike<number>): number {
  const each = test.logits.map((expected, n) => Math.abs((logits[n] ?? NaN) - Math.fround(expected)));
  return each.some(Number.isNaN) ? Infinity : Math.max(...each);
}

/** Bytes `start` to `start + count` of the sequence of `seed` (the finaliser of MurmurHash3 over a Weyl sequence). */
function bytes(seed: number, start: number, count: number): Uint8Array {
  const made = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    let x = (seed + Math.imul(start + n + 1, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    made[n] = (x ^ (x >>> 16)) >>> 24;
  }
  return made;
}
