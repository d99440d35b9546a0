import { Decompress, decompress } from "fzstd";
import { joined } from "./byte_streams.ts";
import { hexOf, sha256Hex } from "./digests.ts";
import { checkWindow, withHistory } from "./zstd_frames.ts";

const MAGIC = "WLPATCH";
const VERSION = 1;
const SUBTRACT = 1;
const PREFIX = 2;
const HEADER_BYTES = 89;
const LARGEST_WINDOW = { [SUBTRACT]: 1 << 20, [PREFIX]: 1 << 27 };
const SMALLEST_WINDOW = 1 << 10; // Of any zstd frame (RFC 8878, section 3.1.1.1.2).
/** Further back the decoder cannot reach: it reads no more than 25 bits of a distance beyond its highest. */
const LONGEST_WITH_PREFIX = 1 << 26;

/** The patch cannot be used; take the whole file. */
export class PatchProblem extends Error {
  override readonly name = "PatchProblem";
}

/** Where the patch between two files lies among the targets. */
export function patchPath(oldDigest: string, newDigest: string): string {
  return `patches/${oldDigest.slice(0, 16)}-${newDigest.slice(0, 16)}.patch`;
}

/**
 * What `patch` makes of `old`: the file that the patch names, to the last byte. The format: docs/updates.md.
 *
 * Rejects with `PatchProblem` for whatever is wrong, where the result would not have `length` bytes, and for a `prefix`
 * of files that have more than 64 MiB together, which the decoder cannot do.
 */
export async function applyPatch(
  old: Uint8Array<ArrayBuffer>,
  patch: Uint8Array,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = readHeader(patch);
  if (header.newLength !== length) throw new PatchProblem(`it makes ${header.newLength} bytes, and not ${length}`);
  if (old.length !== header.oldLength || (await sha256Hex(old)) !== header.oldDigest) {
    throw new PatchProblem("it is for another file than the one that is here");
  }
  const result = unpacked(header, old, patch.subarray(HEADER_BYTES));
  if ((await sha256Hex(result)) !== header.newDigest) throw new PatchProblem("it makes another file than it names");
  return result;
}

interface Header {
  readonly method: typeof SUBTRACT | typeof PREFIX;
  readonly oldLength: number;
  readonly newLength: number;
  readonly oldDigest: string;
  readonly newDigest: string;
}

function readHeader(patch: Uint8Array): Header {
  if (patch.length < HEADER_BYTES) throw new PatchProblem(`it has ${patch.length} bytes, and a header ${HEADER_BYTES}`);
  const numbers = new DataView(patch.buffer, patch.byteOffset, HEADER_BYTES);
  const magic = new TextDecoder("latin1").decode(patch.subarray(0, MAGIC.length));
  if (magic !== MAGIC || numbers.getUint8(7) !== VERSION) throw new PatchProblem(`it is none of version ${VERSION}`);
  const method = numbers.getUint8(8);
  if (method !== SUBTRACT && method !== PREFIX) throw new PatchProblem(`its method ${method} is not known here`);
  return {
    method,
    oldLength: Number(numbers.getBigUint64(9)),
    newLength: Number(numbers.getBigUint64(17)),
    oldDigest: hexOf(patch.subarray(25, 57)),
    newDigest: hexOf(patch.subarray(57, HEADER_BYTES)),
  };
}

function unpacked(header: Header, old: Uint8Array, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    checkWindow(frame, Math.min(LARGEST_WINDOW[header.method], powerAbove(header.newLength)));
    return header.method === SUBTRACT ? added(header, old, frame) : continued(header, old, frame);
  } catch (error) {
    if (error instanceof PatchProblem) throw error;
    throw new PatchProblem(`its compressed part cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Adds what the frame holds to `old`, byte by byte and modulo 256; stops where it holds more. */
function added(header: Header, old: Uint8Array, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  if (header.oldLength !== header.newLength) throw new PatchProblem("files of different length cannot be subtracted");
  const result = new Uint8Array(old);
  let place = 0;
  const unpacking = new Decompress((differences) => {
    if (place + differences.length > result.length) throw new PatchProblem(`it holds more than ${result.length} bytes`);
    for (const difference of differences) {
      result[place] = (result[place] ?? 0) + difference;
      place += 1;
    }
  });
  unpacking.push(frame, true);
  if (place < result.length) throw new PatchProblem(`its compressed part ends ${result.length - place} bytes early`);
  return result;
}

/** Unpacks what goes on from `old`. The decoder writes no further than there is room for the new file. */
function continued(header: Header, old: Uint8Array, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = old.length + header.newLength;
  if (length > LONGEST_WITH_PREFIX) throw new PatchProblem(`old and new file have ${length} bytes together`);
  const whole = new Uint8Array(length);
  decompress(joined(withHistory(old, frame)), whole);
  return whole.slice(old.length);
}

/** A frame that claims a window beyond what its content can need would only cost memory. */
function powerAbove(length: number): number {
  return Math.max(SMALLEST_WINDOW, 2 ** length.toString(2).length);
}
