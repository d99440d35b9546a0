import type { Picture } from "./input_spec.ts";
import { NotAPhoto } from "./model_errors.ts";

/** As the server has it. */
const MOST_PIXELS = 50_000_000;
const WHITE = "#ffffff";

/** A photo upright and in sRGB, transparent pixels white. Close it: the browser keeps its pixels until then. */
export interface DecodedPhoto extends Picture {
  close(): void;
}

/** Rejects with `NotAPhoto` for what this browser cannot read. */
export async function decode(photo: Blob): Promise<DecodedPhoto> {
  const bitmap = await read(photo);
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    bitmap.close();
    throw new NotAPhoto(`the photo has ${bitmap.width} x ${bitmap.height} pixels, more than ${MOST_PIXELS}`);
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
