/** How large a photo is, in pixels as its file stores them: one that is turned by its EXIF is not turned here. */
export interface PhotoSize {
  readonly width: number;
  readonly height: number;
}

/** Enough of a file to find its size in: what cameras put before it (EXIF, a small picture, colour profiles) is less. */
export const HEAD_BYTES = 1 << 20;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const IHDR = 0x49484452;
const RIFF = 0x52494646;
const WEBP = 0x57454250;
const VP8_LOSSY = 0x56503820;
const VP8_LOSSLESS = 0x5650384c;
const VP8_EXTENDED = 0x56503858;

const JPEG_START = 0xffd8;
const JPEG_SCAN = 0xda;
/** Frames (SOF) have the markers C0 to CF, of which these are something else: tables and an extension. */
const JPEG_NO_FRAMES: readonly number[] = [0xc4, 0xc8, 0xcc];

/**
 * The size that the header of a JPEG, PNG or WebP tells, so that nobody decodes what is too large; null for other kinds,
 * and where `head` (the first bytes of the file) does not tell it. Never throws: what a decoder makes of it is its own.
 */
export function sizeIn(head: Uint8Array): PhotoSize | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  try {
    return sizeOfPng(view) ?? sizeOfWebP(view) ?? sizeOfJpeg(view);
  } catch (error) {
    if (error instanceof RangeError) return null; // It ends too early.
    throw error;
  }
}

function sizeOfPng(view: DataView): PhotoSize | null {
  if (PNG_SIGNATURE.some((byte, place) => view.getUint8(place) !== byte) || view.getUint32(12) !== IHDR) return null;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function sizeOfWebP(view: DataView): PhotoSize | null {
  if (view.getUint32(0) !== RIFF || view.getUint32(8) !== WEBP) return null;
  switch (view.getUint32(12)) {
    case VP8_LOSSY:
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case VP8_LOSSLESS: {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case VP8_EXTENDED:
      return { width: uint24(view, 24) + 1, height: uint24(view, 27) + 1 };
    default:
      return null;
  }
}

/** Goes from segment to segment, since pictures within the picture (EXIF) have frames of their own. */
function sizeOfJpeg(view: DataView): PhotoSize | null {
  if (view.getUint16(0) !== JPEG_START) return null;
  let place = 2;
  while (view.getUint8(place) === 0xff) {
    const marker = view.getUint8(place + 1);
    if (marker === 0xff)
      place += 1; // Padding.
    else if (isFrame(marker)) return frameAt(view, place);
    else if (marker === JPEG_SCAN) return null;
    else place += 2 + view.getUint16(place + 2);
  }
  return null;
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && !JPEG_NO_FRAMES.includes(marker);
}

/** A height of 0 is told after the first scan; few decoders read such files. */
function frameAt(view: DataView, place: number): PhotoSize | null {
  const size = { width: view.getUint16(place + 7), height: view.getUint16(place + 5) };
  return size.height === 0 ? null : size;
}

function uint24(view: DataView, place: number): number {
  return view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
}
