import type { Picture } from "./input_spec.ts";
import { NotAPhoto, PhotoTooLarge } from "./model_errors.ts";
import { HEAD_BYTES, type PhotoSize, sizeIn } from "./photo_size.ts";

/** As the server has it. */
const MOST_PIXELS = 50_000_000;
const WHITE = "#ffffff";

/** A photo upright and in sRGB, transparent pixels white. Close it: the browser keeps its pixels until then. */
export interface DecodedPhoto extends Picture {
  close(): void;
}

/**
 * Rejects with `NotAPhoto` for what this browser cannot read, and with `PhotoTooLarge` for what is too large: without
 * decoding it, where its header tells so.
 */
export async function decode(photo: Blob): Promise<DecodedPhoto> {
  const told = sizeIn(await headOf(photo));
  if (told !== null) checkSize(told);
  const bitmap = await read(photo);
  try {
    checkSize(bitmap);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  return {
    width: bitmap.width,
    height: bitmap.height,
    rows: rowsOf(bitmap),
    close() {
      bitmap.close();
    },
  };
}

async function headOf(photo: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await photo.slice(0, HEAD_BYTES).arrayBuffer());
  } catch (error) {
    throw new NotAPhoto("its file cannot be read any more", { cause: error });
  }
}

function checkSize({ width, height }: PhotoSize): void {
  if (width * height > MOST_PIXELS) {
    throw new PhotoTooLarge(`the photo has ${width} x ${height} pixels, more than ${MOST_PIXELS}`);
  }
}

async function read(photo: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(photo, { imageOrientation: "from-image", colorSpaceConversion: "default" });
  } catch (error) {
    throw new NotAPhoto("this browser cannot read it", { cause: error });
  }
}

/** Reads through a canvas of a few rows: one of the whole photo is beyond what phones allow. */
function rowsOf(bitmap: ImageBitmap): Picture["rows"] {
  let context: OffscreenCanvasRenderingContext2D | undefined;
  return (first, count) => {
    if (context?.canvas.height !== count) context = canvasOf(bitmap.width, count);
    context.fillRect(0, 0, bitmap.width, count);
    context.drawImage(bitmap, 0, first, bitmap.width, count, 0, 0, bitmap.width, count);
    return context.getImageData(0, 0, bitmap.width, count, { colorSpace: "srgb" }).data;
  };
}

function canvasOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new NotAPhoto("this browser gives no canvas to read it with");
  context.imageSmoothingEnabled = false;
  context.fillStyle = WHITE;
  return context;
}
