import { afterEach, expect, test, vi } from "vitest";
import { propose } from "./faces.ts";

const PHOTO = new Blob(["photo"]);
let closed = 0;

function browser(detect?: () => Promise<unknown>): void {
  closed = 0;
  const picture = { width: 200, height: 100, close: () => (closed += 1) };
  vi.stubGlobal("createImageBitmap", () => Promise.resolve(picture));
  if (detect !== undefined) {
    vi.stubGlobal(
      "FaceDetector",
      class {
        detect = detect;
      },
    );
  }
}

const face = (left: number, top: number, width: number, height: number) => ({
  boundingBox: { left, top, width, height, right: left + width, bottom: top + height },
});

afterEach(() => vi.unstubAllGlobals());

test("a face is proposed with a margin, in shares of the photo", async () => {
  browser(() => Promise.resolve([face(80, 40, 40, 20)]));
  const [region] = await propose(PHOTO);
  expect(Object.values(region ?? {})).toEqual([0.35, 0.35, 0.3, 0.3].map((share) => expect.closeTo(share) as unknown));
  expect(closed).toBe(1);
});

test("a face at the edge is proposed up to the edge", async () => {
  browser(() => Promise.resolve([face(0, 0, 40, 20)]));
  expect(await propose(PHOTO)).toEqual([{ x: 0, y: 0, width: 0.25, height: 0.25 }]);
});

test.each([
  ["a browser without an eye for faces", undefined],
  ["one whose system has none", () => Promise.reject(new DOMException("none here", "NotSupportedError"))],
])("%s proposes nothing", async (_, detect) => {
  browser(detect);
  expect(await propose(PHOTO)).toEqual([]);
});
