import { joined } from "../../src/updates/byte_streams.ts";
import { bytesOfHex, sha256Hex } from "../../src/updates/digests.ts";

const FRAME_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
export const [SUBTRACT, PREFIX] = [1, 2];
/** Window descriptors of zstd (RFC 8878, section 3.1.1.1.2). */
export const [WINDOW_OF_A_KIB, WINDOW_OF_2_MIB] = [0x00, 11 << 3];

/** What a patch says, which may be wrong. */
export interface PatchParts {
  readonly old: Uint8Array<ArrayBuffer>;
  readonly made: Uint8Array<ArrayBuffer>;
  readonly blocks: readonly number[];
  readonly method?: number;
  readonly lengths?: readonly number[];
  readonly window?: number;
}

/** A patch (docs/updates.md) whose frame holds `blocks`. */
export async function patchOf(parts: PatchParts): Promise<Uint8Array<ArrayBuffer>> {
  const { old, made, blocks, method = SUBTRACT, window = WINDOW_OF_A_KIB } = parts;
  const lengths = new DataView(new ArrayBuffer(16));
  (parts.lengths ?? [old.length, made.length]).forEach((length, place) => {
    lengths.setBigUint64(8 * place, BigInt(length));
  });
  const digests = await Promise.all([old, made].map(sha256Hex));
  return joined([
    new TextEncoder().encode("WLPATCH"),
    Uint8Array.of(1, method),
    new Uint8Array(lengths.buffer),
    ...digests.map((digits) => bytesOfHex(digits) ?? new Uint8Array()),
    Uint8Array.from([...FRAME_MAGIC, 0x00, window, ...blocks]),
  ]);
}

/** A block that holds `byte` so many times (RFC 8878, section 3.1.1.2). */
export function repeated(byte: number, times: number, isLast = true): readonly number[] {
  const header = (times << 3) | (1 << 1) | (isLast ? 1 : 0);
  return [header & 0xff, (header >> 8) & 0xff, header >> 16, byte];
}
