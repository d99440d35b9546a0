/**
 * `denied`: the resident or the browser does not allow it. `absent`: there is none. `in_use`: another program has it.
 * `insecure`: browsers give cameras to secure addresses only.
 */
export type CameraProblem = "denied" | "absent" | "in_use" | "insecure";

/** There is no picture from the camera, and `problem` says why. */
export class CameraError extends Error {
  override readonly name = "CameraError";
  readonly problem: CameraProblem;

  constructor(problem: CameraProblem) {
    super(problem);
    this.problem = problem;
  }
}

const WANTED: MediaTrackConstraints = {
  facingMode: { ideal: "environment" },
  width: { ideal: 1920 },
  height: { ideal: 1440 },
};
const JPEG_QUALITY = 0.92;

/** What the resident has said about the camera before; `prompt`: nothing, or this browser does not tell. */
export async function permission(): Promise<PermissionState> {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state;
  } catch (error) {
    if (error instanceof TypeError) return "prompt"; // It knows no such permission.
    throw error;
  }
}

/** Turns the camera on, the one on the back where there are two. Rejects with `CameraError`. */
export async function turnOn(): Promise<MediaStream> {
  // On addresses that are not secure browsers leave it out, whatever its type says.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw new CameraError(isSecureContext ? "absent" : "insecure");
  try {
    return await devices.getUserMedia({ video: WANTED, audio: false });
  } catch (error) {
    throw new CameraError(problemOf(error));
  }
}

export function turnOff(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** Whether this camera has a lamp. */
export function hasLight(stream: MediaStream): boolean {
  const [track] = stream.getVideoTracks();
  // Not in the types, since only Chromium has it.
  const capabilities = track?.getCapabilities() as { readonly torch?: boolean } | undefined;
  return capabilities?.torch === true;
}

export async function setLight(stream: MediaStream, isOn: boolean): Promise<void> {
  const [track] = stream.getVideoTracks();
  await track?.applyConstraints({ advanced: [{ torch: isOn } as MediaTrackConstraintSet] });
}

/** A JPEG of what the resident sees: what the frame cuts off on the screen is not in the photo either. */
export async function take(video: HTMLVideoElement): Promise<Blob> {
  const seen = visiblePart(
    { width: video.videoWidth, height: video.videoHeight },
    { width: video.clientWidth, height: video.clientHeight },
  );
  const canvas = document.createElement("canvas");
  canvas.width = seen.width;
  canvas.height = seen.height;
  const pen = canvas.getContext("2d");
  if (pen === null) throw new Error("this browser gives no canvas to draw on");
  pen.drawImage(video, seen.left, seen.top, seen.width, seen.height, 0, 0, seen.width, seen.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (photo) => {
        if (photo === null) reject(new Error("the camera has no picture yet"));
        else resolve(photo);
      },
      "image/jpeg",
      JPEG_QUALITY,
    );
  });
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The part of a picture that shows where it fills a box, in pixels of the picture. */
export function visiblePart(picture: Size, box: Size): Size & { readonly left: number; readonly top: number } {
  const scale = Math.max(box.width / picture.width, box.height / picture.height);
  const width = Math.min(picture.width, Math.round(box.width / scale));
  const height = Math.min(picture.height, Math.round(box.height / scale));
  return {
    width,
    height,
    left: Math.floor((picture.width - width) / 2),
    top: Math.floor((picture.height - height) / 2),
  };
}

function problemOf(error: unknown): CameraProblem {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotReadableError":
    case "AbortError":
      return "in_use";
    default:
      return "absent";
  }
}
