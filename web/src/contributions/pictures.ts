import type { Pictures } from "../storage/tables.ts";
import { ContributionError } from "./problems.ts";

const PHOTO_PIXELS = 1600;
const THUMBNAIL_PIXELS = 480;
const PHOTO_QUALITY = 0.85;
const THUMBNAIL_QUALITY = 0.75;

/** A part of an upright photo, in shares (0 to 1) of its width and height. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * A photo as it is kept and sent, and a small one to be shown: upright, at most 1600 pixels long, drawn anew as JPEG, so
 * that nothing is left of what a camera writes into a file (place, time, device). What lies under `covers` is gone.
 * Rejects with `ContributionError` (`no_photo`) if this browser cannot read it.
 */
export async function pictures(photo: Blob, covers: readonly Region[] = []): Promise<Pictures & { photo: Blob }> {
  const upright = await decoded(photo);
  try {
    const canvas = drawn(upright, PHOTO_PIXELS);
    for (const region of covers) cover(canvas, region);
    return {
      photo: await jpeg(canvas, PHOTO_QUALITY),
      thumbnail: await jpeg(drawn(canvas, THUMBNAIL_PIXELS), THUMBNAIL_QUALITY),
    };
  } finally {
    upright.close();
  }
}

async function decoded(photo: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(photo, { imageOrientation: "from-image" });
  } catch (error) {
    throw new ContributionError("no_photo", String(error));
  }
}

function drawn(picture: ImageBitmap | OffscreenCanvas, longest: number): OffscreenCanvas {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const pixels = (length: number) => Math.max(1, Math.round(length * scale));
  const canvas = new OffscreenCanvas(pixels(picture.width), pixels(picture.height));
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // JPEG knows no transparency.
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** One colour, the region's mean: unlike a blur or a mosaic it holds nothing that a face could be guessed from. */
function cover(canvas: OffscreenCanvas, region: Region): void {
  const left = Math.floor(clamped(region.x) * canvas.width);
  const top = Math.floor(clamped(region.y) * canvas.height);
  const right = Math.ceil(clamped(region.x + region.width) * canvas.width);
  const bottom = Math.ceil(clamped(region.y + region.height) * canvas.height);
  if (right <= left || bottom <= top) return;
  const context = contextOf(canvas);
  context.fillStyle = meanColour(context.getImageData(left, top, right - left, bottom - top).data);
  context.fillRect(left, top, right - left, bottom - top);
}

function meanColour(pixels: Uint8ClampedArray): string {
  const sums = [0, 0, 0] as [number, number, number];
  for (let place = 0; place < pixels.length; place += 4) {
    for (const channel of [0, 1, 2] as const) sums[channel] += pixels[place + channel] ?? 0;
  }
  const [red, green, blue] = sums.map((sum) => Math.round((sum * 4) / pixels.length)) as [number, number, number];
  return `rgb(${red} ${green} ${blue})`;
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context === null) throw new ContributionError("no_photo", "This browser has no room to draw a picture.");
  return context;
}

function jpeg(canvas: OffscreenCanvas, quality: number): Promise<Blob> {
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}
