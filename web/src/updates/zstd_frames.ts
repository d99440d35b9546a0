/** What of a zstd frame (RFC 8878) has to be known before it is unpacked. */
const MAGIC = 0xfd2fb528;
const LARGEST_RAW_BLOCK = 128 * 1024;
const MAGIC_AND_DESCRIPTOR = 5;
const CHECKSUM_BYTES = 4;
/** No checksum, no content size, no single segment, and a window of 128 MiB. */
const DESCRIPTOR_AND_WINDOW = [0x00, 17 << 3];

/** The frame cannot be unpacked. */
export class FrameProblem extends Error {
  override readonly name = "FrameProblem";
}

/** Throws `FrameProblem` where a decoder would have to keep more than `allowed` bytes; so does a frame that is none. */
export function checkWindow(frame: Uint8Array, allowed: number): void {
  const { windowBytes } = readFrameHeader(frame);
  if (windowBytes > allowed) throw new FrameProblem(`its window is larger than ${allowed} bytes`);
}

/**
 * The parts of a frame that gives `history`, and then what `frame` gives where it may refer back into `history` (as
 * `ZSTD_DCtx_refPrefix` has it). Blocks that are stored as they are leave the state of a decoder untouched, so that
 * those of `frame` find it as they should: a decoder needs to know nothing of prefixes.
 */
export function withHistory(history: Uint8Array, frame: Uint8Array): readonly Uint8Array[] {
  const { headerBytes, hasChecksum } = readFrameHeader(frame);
  const parts = [new Uint8Array([...littleEndian(MAGIC, 4), ...DESCRIPTOR_AND_WINDOW])];
  for (let place = 0; place < history.length; place += LARGEST_RAW_BLOCK) {
    const block = history.subarray(place, place + LARGEST_RAW_BLOCK);
    parts.push(new Uint8Array(littleEndian(block.length << 3, 3)), new Uint8Array(block));
  }
  parts.push(new Uint8Array(frame.subarray(headerBytes, frame.length - (hasChecksum ? CHECKSUM_BYTES : 0))));
  return parts;
}

interface FrameHeader {
  readonly windowBytes: number;
  readonly headerBytes: number;
  readonly hasChecksum: boolean;
}

/** Reads the header (section 3.1.1.1). Throws `RangeError` where the frame ends within it. */
function readFrameHeader(frame: Uint8Array): FrameHeader {
  const numbers = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (numbers.getUint32(0, true) !== MAGIC) throw new FrameProblem("it is no zstd frame");
  const descriptor = numbers.getUint8(4);
  if ((descriptor & 3) !== 0) throw new FrameProblem("it asks for a dictionary");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const sizeAt = MAGIC_AND_DESCRIPTOR + (isSingleSegment ? 0 : 1);
  return {
    windowBytes: isSingleSegment ? contentSize(numbers, sizeAt, sizeBytes) : windowOf(numbers.getUint8(5)),
    headerBytes: sizeAt + sizeBytes,
    hasChecksum: (descriptor & 4) !== 0,
  };
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(numbers: DataView, place: number, bytes: number): number {
  if (bytes === 1) return numbers.getUint8(place);
  if (bytes === 2) return numbers.getUint16(place, true) + 256;
  return bytes === 4 ? numbers.getUint32(place, true) : Number(numbers.getBigUint64(place, true));
}

function littleEndian(value: number, bytes: number): readonly number[] {
  return Array.from({ length: bytes }, (_, place) => (value >>> (8 * place)) & 0xff);
}
