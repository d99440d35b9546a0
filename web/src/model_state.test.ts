import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Guide } from "./guide/guide.ts";
import type { Answer, Phone, PhoneEvent, RunningModel } from "./phone/phone.ts";
import { later } from "../tests/later.ts";
import { PATIENT } from "../tests/patience.ts";

vi.stubGlobal("navigator", { onLine: true, languages: ["en"] });

/** What the browser would tell the page. */
const events = new EventTarget();
vi.stubGlobal("addEventListener", events.addEventListener.bind(events));

const RUNNING: RunningModel = {
  release: 7,
  isBundled: true,
  labels: [{ id: "glass", name: "Glass" }],
  createdAt: "2026-11-01T00:00:00Z",
  accuracy: 0.9,
  outsideAccuracy: null,
  accelerator: "wasm",
};
const NEWEST = { city: "example", version: 2 } as Guide;
const ANSWER: Answer = {
  label: "glass",
  group: null,
  bestLabel: "glass",
  scores: { glass: 1 },
  release: 7,
  milliseconds: 100,
  novelty: null,
};

/** A phone whose model opens when the test says so. */
function phoneThat(opens: () => Promise<RunningModel>, reads: Phone["guide"] = () => Promise.resolve(null)) {
  let tell: (event: PhoneEvent) => void = () => undefined;
  const phone: Phone = {
    open: opens,
    classify: () => Promise.resolve(ANSWER),
    update: () => Promise.resolve({ state: "up_to_date", release: 7 }),
    guide: reads,
    listen(listener) {
      tell = listener;
      return () => undefined;
    },
  };
  return {
    phone,
    tell: (event: PhoneEvent) => {
      tell(event);
    },
  };
}

/** Each test has a page of its own. */
async function page() {
  return { ...(await import("./model_state.ts")), ...(await import("./phone/phone.ts")) };
}

beforeEach(() => {
  vi.resetModules();
});

describe("the model's state", () => {
  test("shows the download until the model answers", async () => {
    const { startModel, modelState, model } = await page();
    const opening = later<RunningModel>();
    const { phone, tell } = phoneThat(() => opening.promise);
    startModel(phone);
    expect(modelState.value).toEqual({ kind: "opening" });
    tell({ kind: "download", receivedBytes: 1, totalBytes: 2 });
    expect(modelState.value).toMatchObject({ kind: "loading", receivedBytes: 1, totalBytes: 2 });
    opening.resolve(RUNNING);
    await vi.waitFor(() => {
      expect(modelState.value).toEqual({ kind: "ready" });
    }, PATIENT);
    expect(model.value).toBe(RUNNING);
  });

  test("the download of a newer model does not hide the one that answers", async () => {
    const { startModel, modelState, model } = await page();
    const { phone, tell } = phoneThat(() => Promise.resolve(RUNNING));
    startModel(phone);
    await vi.waitFor(() => {
      expect(modelState.value.kind).toBe("ready");
    }, PATIENT);
    tell({ kind: "download", receivedBytes: 1, totalBytes: 2 });
    expect(modelState.value.kind).toBe("ready");
    const newer = { ...RUNNING, release: 8 };
    tell({ kind: "model", model: newer });
    expect(model.value).toEqual(newer);
  });

  test("a photo waits for the model", async () => {
    const { startModel, classify } = await page();
    const opening = later<RunningModel>();
    startModel(phoneThat(() => opening.promise).phone);
    const answer = classify(new Blob());
    opening.resolve(RUNNING);
    expect(await answer).toBe(ANSWER);
  });

  test("says why there is none, and tries again when asked to", async () => {
    const { startModel, openModel, modelState, classify, PhoneError } = await page();
    const opens = vi.fn<() => Promise<RunningModel>>().mockRejectedValueOnce(new PhoneError("no_model", "none here"));
    opens.mockResolvedValue(RUNNING);
    startModel(phoneThat(opens).phone);
    await expect(classify(new Blob())).rejects.toThrow("none here");
    expect(modelState.value).toEqual({ kind: "unavailable", code: "no_model" });
    openModel();
    await vi.waitFor(() => {
      expect(modelState.value).toEqual({ kind: "ready" });
    }, PATIENT);
  });

  test("tries again by itself once the network is back", async () => {
    const { startModel, modelState, PhoneError } = await page();
    const opens = vi.fn<() => Promise<RunningModel>>().mockRejectedValueOnce(new PhoneError("no_model", "none here"));
    opens.mockResolvedValue(RUNNING);
    startModel(phoneThat(opens).phone);
    await vi.waitFor(() => {
      expect(modelState.value.kind).toBe("unavailable");
    }, PATIENT);
    events.dispatchEvent(new Event("online"));
    await vi.waitFor(() => {
      expect(modelState.value.kind).toBe("ready");
    }, PATIENT);
    events.dispatchEvent(new Event("online"));
    expect(opens).toHaveBeenCalledTimes(2);
  });

  test("does not wait for a download of another tab where none could be had here", async () => {
    const { startModel, modelState, PhoneError } = await page();
    const { phone, tell } = phoneThat(() => Promise.reject(new PhoneError("no_model", "none here")));
    startModel(phone);
    await vi.waitFor(() => {
      expect(modelState.value.kind).toBe("unavailable");
    }, PATIENT);
    tell({ kind: "download", receivedBytes: 1, totalBytes: 2 });
    expect(modelState.value).toEqual({ kind: "unavailable", code: "no_model" });
  });
});

describe("the guide", () => {
  test("that has just come is not replaced by what was read before", async () => {
    const { startModel } = await page();
    const { guide } = await import("./app_state.ts");
    const reading = later<Guide | null>();
    const { phone, tell } = phoneThat(
      () => Promise.resolve(RUNNING),
      () => reading.promise,
    );
    startModel(phone);
    tell({ kind: "guide", guide: NEWEST });
    reading.resolve(null);
    await new Promise((resolve) => setTimeout(resolve)); // After all that waits for the reading.
    expect(guide.value).toBe(NEWEST);
  });
});
