import { Decompress } from "fzstd";
import { hexOf, sha256Hex } from "./digests.ts";

const MAGIC = "WLPATCH";
const VERSION = 1;
const SUBTRACT = 1;
const HEADER_BYTES = 89;
const LARGEST_WINDOW = 1 << 20;
const SMALLEST_WINDOW = 1 << 10; // Of any zstd frame (RFC 8878, section 3.1.1.1.2).
const FRAME_MAGIC = 0xfd2fb528;

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
 * Of its two methods this is `subtract`. `prefix` needs a decoder that takes the old file for a dictionary, which is
 * megabytes of WebAssembly; docs/updates.md leaves it to the client. Rejects with `PatchProblem` for that and for
 * whatever is wrong, and where the result would not have `length` bytes.
 */
export async function applyPatch(
  old: Uint8Array<ArrayBuffer>,
  patch: Uint8Array,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = readHeader(patch);
  if (header.newLength !== length) throw new PatchProblem(`it makes ${header.newLength} bytes, and not ${length}`);
  if (header.oldLength !== header.newLength) throw new PatchProblem("files of different length cannot be subtracted");
  if (old.length !== header.oldLength || (await sha256Hex(old)) !== header.oldDigest) {
    throw new PatchProblem("it is for another file than the one that is here");
  }
  const result = addedTo(old, patch.subarray(HEADER_BYTES));
  if ((await sha256Hex(result)) !== header.newDigest) throw new PatchProblem("it makes another file than it names");
  return result;
}

interface Header {
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
  if (numbers.getUint8(8) !== SUBTRACT) throw new PatchProblem(`its method ${numbers.getUint8(8)} is not known here`);
  return {
    oldLength: Number(numbers.getBigUint64(9)),
    newLength: Number(numbers.getBigUint64(17)),
    oldDigest: hexOf(patch.subarray(25, 57)),
    newDigest: hexOf(patch.subarray(57, HEADER_BYTES)),
  };
}

/** Adds what the frame holds to `old`, byte by byte and modulo 256; stops where it holds more. */
function addedTo(old: Uint8Array, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(old);
  let place = 0;
  const unpacking = new Decompress((differences) => {
    if (place + differences.length > result.length) throw new PatchProblem(`it holds more than ${result.length} bytes`);
    for (const difference of differences) {
      result[place] = (result[place] ?? 0) + difference;
      place += 1;
    }
  });
  try {
    checkWindow(new DataView(frame.buffer, frame.byteOffset, frame.length), old.length);
    unpacking.push(frame, true);
  } catch (error) {
    if (error instanceof PatchProblem) throw error;
    throw new PatchProblem(`its compressed part cannot be read: ${String(error)}`, { cause: error });
  }
  if (place < result.length) throw new PatchProblem(`its compressed part ends ${result.length - place} bytes early`);
  return result;
}

/** A frame that claims a window beyond what its content can need would only cost memory. */
function checkWindow(frame: DataView, length: number): void {
  if (frame.getUint32(0, true) !== FRAME_MAGIC) throw new PatchProblem("its compressed part is no zstd frame");
  const allowed = Math.min(LARGEST_WINDOW, Math.max(SMALLEST_WINDOW, 2 ** length.toString(2).length));
  if (windowOf(frame) > allowed) throw new PatchProblem(`its window is larger than ${allowed} bytes`);
}

/** Bytes that a decoder must keep (RFC 8878, section 3.1.1.1). */
function windowOf(frame: DataView): number {
  const descriptor = frame.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (!isSingleSegment) {
    const [exponent, mantissa] = [frame.getUint8(5) >> 3, frame.getUint8(5) & 7];
    const base = 2 ** (10 + exponent);
    return base + (base / 8) * mantissa;
  }
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const place = 5 + dictionaryBytes;
  switch (descriptor >> 6) {
    case 0:
      return frame.getUint8(place);
    case 1:
      return frame.getUint16(place, true) + 256;
    case 2:
      return frame.getUint32(place, true);
    default:
      return Number(frame.getBigUint64(place, true));
  }
}
