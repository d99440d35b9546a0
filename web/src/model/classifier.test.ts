import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Classifier, type ModelFacts } from "./classifier.worker.ts";
import { NotAPhoto } from "./model_errors.ts";

vi.mock("./litert.worker.ts", () => ({ LiteRtModel: { load: () => Promise.resolve({}) } }));

const FACTS = {
  model: { embedding_length: 4 },
  input_spec: { width: 2, height: 2, crop: "none", filter: "triangle22" },
  label_set: { labels: [] },
  novelty: null,
  self_tests: [],
} as unknown as ModelFacts;

/** A PNG of 8000 x 6251 pixels, one row more than is allowed, as far as its header goes. */
const TOO_LARGE = new Blob([Buffer.from("iVBORw0KGgoAAAANSUhEUgAAH0AAABhrCAIAAAA=", "base64")]);

/** Photos whose pixels are in memory now, and the most that ever were. */
let decoded: number;
let most: number;
let decodings: number;

beforeEach(() => {
  decoded = most = decodings = 0;
  vi.stubGlobal("createImageBitmap", async (photo: Blob) => {
    decodings++;
    most = Math.max(most, ++decoded);
    if ((await photo.text()) === "broken") {
      decoded--;
      throw new DOMException("it cannot be decoded", "InvalidStateError");
    }
    return { width: 2, height: 2, close: () => decoded-- };
  });
  vi.stubGlobal("OffscreenCanvas", FakeCanvas);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A canvas on which all is black. */
class FakeCanvas {
  readonly height: number;

  constructor(_: number, height: number) {
    this.height = height;
  }

  getContext() {
    const getImageData = (_x: number, _y: number, width: number, height: number) => ({
      data: new Uint8ClampedArray(width * height * 4),
    });
    return { canvas: this, fillRect: () => undefined, drawImage: () => undefined, getImageData };
  }
}

function opened(): Promise<Classifier> {
  return Classifier.openTested(new Uint8Array(), FACTS, "wasm");
}

test("of several photos, also for several models, one at a time is decoded", async () => {
  const [before, after] = [await opened(), await opened()];
  const broken = before.feed(new Blob(["broken"]));
  const fed = Promise.all([before.feed(new Blob(["a"])), after.feed(new Blob(["b"])), after.feed(new Blob(["c"]))]);
  await expect(broken).rejects.toThrow(NotAPhoto);
  expect(await fed).toEqual([0, 1, 2].map(() => new Uint8Array(2 * 2 * 3)));
  expect({ decoded, most, decodings }).toEqual({ decoded: 0, most: 1, decodings: 4 });
});

test("a photo that is too large is not decoded", async () => {
  await expect((await opened()).feed(TOO_LARGE)).rejects.toThrow("8000 x 6251 pixels, more than 50000000");
  expect(decodings).toBe(0);
});
