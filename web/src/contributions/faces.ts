import type { Region } from "./pictures.ts";

/** Shape Detection, which few browsers have; no model is fetched in its place. */
interface FaceDetector {
  detect(picture: ImageBitmap): Promise<readonly { readonly boundingBox: DOMRectReadOnly }[]>;
}

/** A face is more than the box that detectors draw around eyes, nose and mouth. */
const MARGIN = 0.25;

/**
 * Where this browser sees faces in an upright photo, to be offered for covering; none where it has no eye for them. The
 * resident decides, and adds what was not seen.
 */
export async function propose(photo: Blob): Promise<Region[]> {
  const { FaceDetector: Detector } = globalThis as { FaceDetector?: new () => FaceDetector };
  if (Detector === undefined) return [];
  const picture = await createImageBitmap(photo);
  try {
    const faces = await new Detector().detect(picture);
    return faces.map(({ boundingBox }) => withMargin(boundingBox, picture));
  } catch (error) {
    // It exists and does not work, as on systems without the service behind it: as good as none.
    if (error instanceof DOMException && error.name === "NotSupportedError") return [];
    throw error;
  } finally {
    picture.close();
  }
}

function withMargin(box: DOMRectReadOnly, picture: ImageBitmap): Region {
  const [besides, above] = [box.width * MARGIN, box.height * MARGIN];
  const share = (length: number, whole: number) => Math.min(1, Math.max(0, length / whole));
  const [left, right] = [share(box.left - besides, picture.width), share(box.right + besides, picture.width)];
  const [top, bottom] = [share(box.top - above, picture.height), share(box.bottom + above, picture.height)];
  return { x: left, y: top, width: right - left, height: bottom - top };
}
