/** What every canvas holds, also on phones with little memory. */
const MOST_PIXELS = 12_000_000;
const QUALITY = 0.95;

/**
 * A photo that the worker cannot read, as a JPEG: pages read more kinds than workers do (HEIC in some browsers), and
 * browsers without a canvas for workers have one here. Null for what no page can read either.
 */
export async function redrawn(photo: Blob): Promise<Blob | null> {
  const address = URL.createObjectURL(photo);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    return await drawn(image);
  } catch (error) {
    if (error instanceof DOMException && error.name === "EncodingError") return null;
    throw error;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function drawn(image: HTMLImageElement): Promise<Blob | null> {
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (image.naturalWidth * image.naturalHeight)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.floor(image.naturalHeight * scale));
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) return Promise.resolve(null);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/jpeg", QUALITY);
  });
}
