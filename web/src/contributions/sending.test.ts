import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { City, problem } from "../../tests/fakes/city.ts";
import { fakeLocks } from "../../tests/fakes/locks.ts";
import { later } from "../../tests/later.ts";
import { PATIENT } from "../../tests/patience.ts";
import type { Answer, Choice } from "../storage/tables.ts";

vi.mock("./outgoing.ts", () => ({ sendSoon: () => undefined })); // The tests say when it is sent.
vi.mock("./pictures.ts", () => ({
  pictures: async (photo: Blob, covers: readonly unknown[] = []) => {
    const text = `${await photo.text()}${covers.length > 0 ? " covered" : ""}`;
    return { photo: new Blob([text], { type: "image/jpeg" }), thumbnail: new Blob([`small ${text}`]) };
  },
}));

const ANSWER: Answer = {
  label: "glass",
  bestLabel: "glass",
  scores: { glass: 0.9, metal: 0.1 },
  group: null,
  release: 2,
  milliseconds: 80,
  novelty: null,
};
const CHOICE: Choice = {
  sends: true,
  allowsReview: true,
  allowsTraining: false,
  precision: "district",
  location: { latitude: 52.123456, longitude: 13.987654 },
  place: "north",
};

let city: City;
let agent: { onLine: boolean; connection?: { type: string }; locks: unknown };

beforeEach(() => {
  city = new City();
  agent = { onLine: true, locks: fakeLocks() };
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", agent);
  vi.stubGlobal("location", { origin: "https://city.example" });
  vi.stubGlobal("fetch", city.fetch);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** The app, started anew: of what was before, only what is on the disk is left. */
async function app() {
  vi.resetModules();
  return {
    ...(await import("./photos.ts")),
    ...(await import("../storage/settings.ts")),
    database: await import("../storage/database.ts"),
    usage: await import("../usage/usage.ts"),
  };
}

type App = Awaited<ReturnType<typeof app>>;

async function keepAndShare(phone: App, choice: Partial<Choice> = {}, content = "photo"): Promise<string> {
  const id = await phone.keep(new Blob([content]), ANSWER);
  await phone.share(id, { ...CHOICE, ...choice });
  return id;
}

async function only(phone: App) {
  const photos = await phone.own();
  expect(photos).toHaveLength(1);
  return photos[0] ?? expect.fail();
}

const theOne = () => [...city.submissions.values()][0] ?? expect.fail("Nothing arrived.");
const puts = () => city.asked.filter((each) => /^PUT \/v1\/submissions\/[^/]+$/.test(each));

describe("what leaves the phone", () => {
  test("nothing that was not shared", async () => {
    const phone = await app();
    const id = await phone.keep(new Blob(["photo"]), ANSWER);
    await phone.correct(id, "metal", "wrong_material");
    await phone.share(id, { ...CHOICE, sends: false });
    expect(await phone.sendNow()).toEqual({ delivered: 0, failure: null });
    expect(city.asked).toEqual([]);
    expect((await only(phone)).state).toBe("only_here");
  });

  test("all that was said, with the place no more precise than chosen, before it is kept", async () => {
    const phone = await app();
    const id = await phone.keep(new Blob(["photo"]), ANSWER);
    await phone.correct(id, "metal", "dirty_or_wet");
    await phone.share(id, CHOICE, [], "  by the river ");
    expect((await only(phone)).choice.location).toEqual({ latitude: 52.12, longitude: 13.99 });
    expect((await phone.sendNow()).delivered).toBe(1);
    expect(theOne().submission).toMatchObject({
      prediction: { label: "glass", scores: ANSWER.scores, release: 2 },
      correction: "metal",
      correction_reason: "dirty_or_wet",
      place: "north",
      location: { latitude: 52.12, longitude: 13.99, precision: "district" },
      note: "by the river",
      allow_review: true,
      allow_training: false,
    });
  });

  test("a confirmed answer as the resident's own word", async () => {
    const phone = await app();
    const id = await phone.keep(new Blob(["photo"]), ANSWER);
    await phone.confirm(id);
    await phone.share(id, CHOICE);
    await phone.sendNow();
    expect(theOne().submission).toMatchObject({ correction: "glass", correction_reason: null });
  });

  test.each(["exact", "street", "district", "none"] as const)("no place but the %s one", async (precision) => {
    const phone = await app();
    await keepAndShare(phone, { precision });
    await phone.sendNow();
    const expected = { exact: 52.12346, street: 52.123, district: 52.12, none: undefined }[precision];
    expect((theOne().submission["location"] as { latitude: number } | null)?.latitude).toBe(expected);
  });

  test("covered faces are gone before anything is kept for sending", async () => {
    const phone = await app();
    const id = await phone.keep(new Blob(["photo"]), ANSWER);
    await phone.share(id, CHOICE, [{ x: 0, y: 0, width: 0.5, height: 0.5 }]);
    const kept = await only(phone);
    expect(await kept.photo?.text()).toBe("photo covered");
    expect(await kept.thumbnail?.text()).toBe("small photo covered");
  });
});

describe("it arrives once", () => {
  test("after a restart without a network", async () => {
    agent.onLine = false;
    const before = await app();
    await keepAndShare(before);
    expect((await before.sendNow()).delivered).toBe(0);
    expect(city.asked).toEqual([]);
    agent.onLine = true;
    const phone = await app();
    expect((await phone.sendNow()).delivered).toBe(1);
    expect(await only(phone)).toMatchObject({ state: "sent", photo: null });
    expect(await phone.sendNow()).toEqual({ delivered: 0, failure: null });
    expect(puts()).toHaveLength(1);
  });

  test("although the answer to the first try was lost", async () => {
    const phone = await app();
    await keepAndShare(phone);
    city.trouble(/^PUT/, "answer_lost");
    expect((await phone.sendNow()).failure).not.toBeNull();
    expect((await only(phone)).state).toBe("waiting");
    expect((await phone.sendNow()).delivered).toBe(1);
    expect([puts().length, city.submissions.size]).toEqual([2, 1]);
  });

  test("although something else was said before the second try: that follows", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    city.trouble(/^PUT/, "answer_lost");
    await phone.sendNow();
    await phone.correct(id, "metal", null);
    await phone.changeConsent(id, { allowsReview: false, allowsTraining: false });
    expect((await phone.sendNow()).delivered).toBe(2);
    expect(theOne()).toMatchObject({
      submission: { correction: null, allow_review: true },
      correction: { label: "metal", reason: null },
      consent: { allow_review: false, allow_training: false },
    });
    expect([puts().length, await only(phone)]).toMatchObject([1, { state: "sent", photo: null }]);
  });

  test("what was taken back after a try goes before the photo, or with it where no try arrived", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const phone = await app();
    const id = await keepAndShare(phone, { allowsTraining: true });
    city.trouble(/^PUT/, "no_connection");
    await phone.sendNow();
    await phone.changeConsent(id, { allowsReview: false, allowsTraining: false });
    await phone.correct(id, "metal", null);
    expect((await phone.sendNow()).failure).not.toBeNull(); // The try may still arrive.
    expect([puts().length, (await only(phone)).state]).toEqual([0, "waiting"]);
    vi.setSystemTime(Date.now() + 601_000);
    expect(await phone.sendNow()).toEqual({ delivered: 1, failure: null });
    const submission = { allow_review: false, allow_training: false, correction: "metal" };
    expect([puts().length, theOne(), await only(phone)]).toMatchObject([1, { submission }, { state: "sent" }]);
  });

  test.each(["refused", "withdrawn"] as const)("nothing old follows what was said while it was %s", async (what) => {
    const phone = await app();
    const id = await keepAndShare(phone);
    await phone.sendNow();
    await phone.correct(id, "metal", null);
    const meanwhile = vi.fn(city.fetch).mockImplementationOnce(async (request) => {
      if (what === "refused") await phone.correct(id, "paper", null);
      else await phone.withdraw(id);
      return what === "refused" ? problem(422, "unknown_label") : city.fetch(request);
    });
    vi.stubGlobal("fetch", meanwhile);
    await phone.sendNow();
    expect(await only(phone)).toMatchObject({ problem: null, waiting: { correction: false, withdrawal: false } });
    expect(theOne()).toMatchObject(what === "refused" ? { correction: { label: "paper" } } : { isWithdrawn: true });
  });

  test("what was taken back before the first try never leaves", async () => {
    const phone = await app();
    const id = await keepAndShare(phone, { allowsTraining: true });
    await phone.changeConsent(id, { allowsReview: true, allowsTraining: false });
    await phone.correct(id, "metal", null);
    await phone.correct(id, "paper", "none_fits");
    await phone.sendNow();
    expect(theOne().submission).toMatchObject({ allow_training: false, correction: "paper" });
    expect(city.asked.filter((each) => each.startsWith("PUT"))).toHaveLength(1);
  });

  test("with each part of the consent as it was said last, however fast", async () => {
    const phone = await app();
    const id = await keepAndShare(phone, { allowsReview: false, allowsTraining: false });
    await phone.sendNow();
    await Promise.all([
      phone.changeConsent(id, { allowsReview: true }),
      phone.changeConsent(id, { allowsTraining: true }),
      phone.changeConsent(id, { allowsReview: false }),
    ]);
    await phone.sendNow();
    expect(theOne()).toMatchObject({ consent: { allow_review: false, allow_training: true } });
  });

  test("although two pages and the service worker send at once", async () => {
    const [one, other] = [await app(), await app()];
    for (const content of ["a", "b", "c"]) await keepAndShare(one, {}, content);
    const sent = await Promise.all([one.sendNow(), other.sendNow(), one.sendNow()]);
    expect(sent.map(({ delivered }) => delivered).reduce((sum, each) => sum + each)).toBe(3);
    expect([puts().length, city.busiest, city.devices.size]).toEqual([3, 1, 1]);
  });

  test("the newest correction counts, also while one is on its way", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    await phone.sendNow();
    await phone.correct(id, "metal", null);
    const asFast = city.fetch;
    vi.stubGlobal("fetch", async (request: Request) => {
      const answer = await asFast(request);
      if (request.url.endsWith("/correction") && theOne().correction?.label === "metal") {
        await phone.correct(id, "paper", "dirty_or_wet");
      }
      return answer;
    });
    expect((await phone.sendNow()).delivered).toBe(2);
    expect(theOne().correction).toEqual({ label: "paper", reason: "dirty_or_wet" });
    expect((await only(phone)).state).toBe("sent");
  });
});

describe("a crash", () => {
  /** Ends the app at its `nth` write to the disk or request: of that one and all later ones nothing happens. */
  async function crashing(nth: number, act: (phone: App) => Promise<unknown>): Promise<boolean> {
    const phone = await app();
    const put = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, "put") ?? expect.fail();
    let steps = 0;
    const isOver = () => ++steps >= nth;
    vi.stubGlobal("fetch", (request: Request) => (isOver() ? Promise.reject(new Error("crash")) : city.fetch(request)));
    IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given: [unknown, IDBValidKey?]) {
      const request = (put.value as IDBObjectStore["put"]).apply(this, given);
      if (isOver()) this.transaction.abort();
      return request;
    };
    try {
      await act(phone).catch((error: unknown) => {
        if (steps < nth) throw error;
      });
    } finally {
      Object.defineProperty(IDBObjectStore.prototype, "put", put);
      vi.stubGlobal("fetch", city.fetch);
    }
    return steps >= nth;
  }

  test("between any two steps of sending loses nothing and doubles nothing", async () => {
    for (let nth = 1; ; nth++) {
      vi.stubGlobal("indexedDB", new IDBFactory());
      city.forgetAll();
      const id = await keepAndShare(await app());
      const hasCrashed = await crashing(nth, (phone) => phone.sendNow());
      const phone = await app();
      await phone.correct(id, "metal", null);
      await phone.sendNow();
      expect(await only(phone)).toMatchObject({ state: "sent", photo: null, problem: null });
      const said = theOne().correction?.label ?? theOne().submission["correction"];
      expect([city.submissions.size, said]).toEqual([1, "metal"]);
      if (!hasCrashed) {
        expect(nth).toBeGreaterThan(4);
        return;
      }
    }
  });

  test("between any two steps of a withdrawal leaves nothing at the server", async () => {
    for (let nth = 1; ; nth++) {
      vi.stubGlobal("indexedDB", new IDBFactory());
      city.forgetAll();
      const before = await app();
      const id = await keepAndShare(before);
      await before.sendNow();
      const hasCrashed = await crashing(nth, async (phone) => {
        await phone.withdraw(id);
        await phone.sendNow();
      });
      const phone = await app();
      await phone.withdraw(id);
      await phone.sendNow();
      expect(theOne().isWithdrawn).toBe(true);
      expect(await only(phone)).toMatchObject({ state: "withdrawn", photo: null, thumbnail: null });
      if (!hasCrashed) {
        expect(nth).toBeGreaterThan(2);
        return;
      }
    }
  });

  test("while it was kept leaves it whole, or not there at all", async () => {
    for (let nth = 1; ; nth++) {
      vi.stubGlobal("indexedDB", new IDBFactory());
      const hasCrashed = await crashing(nth, (phone) => phone.keep(new Blob(["photo"]), ANSWER));
      for (const photo of await (await app()).own()) expect(await photo.photo?.text()).toBe("photo");
      if (!hasCrashed) return;
    }
  });
});

describe("withdrawing", () => {
  test("erases here at once, and at the server as soon as it is reached", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    await phone.sendNow();
    agent.onLine = false;
    await phone.withdraw(id);
    expect(await only(phone)).toMatchObject({
      state: "withdrawn",
      thumbnail: null,
      choice: { location: null, place: null },
      waiting: { withdrawal: true },
    });
    await expect(phone.forget(id)).rejects.toMatchObject({ code: "already_sent" });
    agent.onLine = true;
    theOne().releases.push(7);
    await phone.sendNow();
    expect(theOne().isWithdrawn).toBe(true);
    expect(await only(phone)).toMatchObject({ waiting: { withdrawal: false }, fate: { inReleases: [7] } });
    await phone.forget(id);
    expect(await phone.own()).toEqual([]);
  });

  test("what never left needs no server", async () => {
    const phone = await app();
    await phone.withdraw(await keepAndShare(phone));
    expect(await phone.own()).toEqual([]);
    expect(await phone.sendNow()).toEqual({ delivered: 0, failure: null });
    expect(city.asked).toEqual([]);
  });

  test("a photo that is on its way reaches the server, and is withdrawn there", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    vi.stubGlobal("fetch", async (request: Request) => {
      const answer = await city.fetch(request);
      if (request.method === "PUT") await phone.withdraw(id);
      return answer;
    });
    await phone.sendNow();
    expect(theOne().isWithdrawn).toBe(true);
    expect(await only(phone)).toMatchObject({ state: "withdrawn", photo: null, thumbnail: null });
  });

  test("a try that was given up may still arrive: until it is over, 'not found' does not count", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const phone = await app();
    const id = await keepAndShare(phone);
    city.trouble(/^PUT/, "no_connection");
    await phone.sendNow();
    await phone.withdraw(id);
    expect((await phone.sendNow()).failure).not.toBeNull();
    expect((await only(phone)).waiting.withdrawal).toBe(true);
    vi.setSystemTime(Date.now() + 700_000);
    await phone.sendNow();
    expect(await phone.own()).toEqual([]);
  });

  test("all of them leaves what is only here", async () => {
    const phone = await app();
    for (const content of ["a", "b"]) await keepAndShare(phone, {}, content);
    await phone.sendNow();
    await phone.keep(new Blob(["c"]), ANSWER);
    await phone.withdrawAll();
    await phone.sendNow();
    expect([...city.submissions.values()].every(({ isWithdrawn }) => isWithdrawn)).toBe(true);
    expect((await phone.own()).map(({ state }) => state).sort()).toEqual(["only_here", "withdrawn", "withdrawn"]);
  });

  test("goes before everything else", async () => {
    const phone = await app();
    const id = await keepAndShare(phone, {}, "old");
    await phone.sendNow();
    await keepAndShare(phone, {}, "new");
    await phone.withdraw(id);
    city.asked.length = 0;
    await phone.sendNow();
    expect(city.asked.map((each) => each.split(" ")[0])).toEqual(["DELETE", "PUT"]);
  });
});

describe("the server", () => {
  test("that refuses a photo is not asked again, and why is kept", async () => {
    const phone = await app();
    await keepAndShare(phone, {}, "no photo");
    await keepAndShare(phone, {}, "photo");
    expect(await phone.sendNow()).toEqual({ delivered: 1, failure: null });
    const refused = (await phone.own()).find(({ state }) => state === "refused");
    expect(refused?.problem).toMatchObject({ of: "submission", status: 422, code: "unreadable" });
    await phone.sendNow();
    expect(puts()).toHaveLength(2);
    await phone.forget(refused?.id ?? "");
    expect(await phone.own()).toHaveLength(1);
  });

  test("that refuses a correction keeps the photo as sent, until another is said", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    await phone.sendNow();
    await phone.correct(id, "banana", null);
    city.trouble(/correction/, () => problem(422, "unknown_label"));
    await phone.sendNow();
    expect(await only(phone)).toMatchObject({ state: "sent", problem: { of: "correction", code: "unknown_label" } });
    await phone.correct(id, "metal", null);
    await phone.sendNow();
    expect(await only(phone)).toMatchObject({ state: "sent", problem: null });
  });

  test("that has forgotten this phone meets it under a new name", async () => {
    const phone = await app();
    await keepAndShare(phone, {}, "a");
    await phone.sendNow();
    city.forgetAll();
    const id = await keepAndShare(phone, {}, "b");
    expect(await phone.sendNow()).toEqual({ delivered: 1, failure: null });
    expect([...city.submissions.keys()]).toEqual([id]);
  });

  test("that stumbles over one photo gets the others", async () => {
    const phone = await app();
    for (const content of ["a", "b"]) await keepAndShare(phone, {}, content);
    city.trouble(/^PUT/, () => problem(500, "internal"));
    const { delivered, failure } = await phone.sendNow();
    expect([delivered, failure?.status]).toEqual([1, 500]);
  });

  test("that is away is asked once, not for every photo", async () => {
    const phone = await app();
    for (const content of ["a", "b", "c"]) await keepAndShare(phone, {}, content);
    city.trouble(/^PUT/, "no_connection");
    expect(await phone.sendNow()).toMatchObject({ delivered: 0, failure: { status: null } });
    expect(puts()).toHaveLength(0);
    expect((await phone.own()).map(({ state }) => state)).toEqual(["waiting", "waiting", "waiting"]);
  });

  test("that asks to come back later is left alone until then, unless the resident asks", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const phone = await app();
    await keepAndShare(phone);
    city.trouble(/^PUT/, () => problem(429, "too_many", { "Retry-After": "60" }));
    await phone.sendNow();
    expect(((await phone.nextTry()) ?? 0) - Date.now()).toBeGreaterThanOrEqual(60_000);
    const restarted = await app();
    expect((await restarted.sendNow()).delivered).toBe(0);
    expect(puts()).toHaveLength(1);
    vi.setSystemTime(Date.now() + 61_000);
    expect((await restarted.sendNow()).delivered).toBe(1);
    expect(await restarted.nextTry()).toBeNull();
  });

  test("is asked at longer and longer intervals, of five minutes at most", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const phone = await app();
    await keepAndShare(phone);
    const waits: number[] = [];
    for (let time = 0; time < 12; time++) {
      city.trouble(/^PUT/, "no_connection");
      await phone.sendNow();
      waits.push(((await phone.nextTry()) ?? 0) - Date.now());
    }
    expect(waits[0]).toBeLessThanOrEqual(1000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(150_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(300_000);
  });

  test.each([
    ["200 of a captive portal", () => new Response("<html>Welcome", { status: 200 })],
    ["200 of another service", () => new Response("{}", { status: 200 })],
    ["404 of a proxy", () => new Response("<html>Not found", { status: 404 })],
  ])("is not whoever answers %s", async (_, answer) => {
    const phone = await app();
    await keepAndShare(phone);
    city.trouble(/^PUT/, answer);
    expect((await phone.sendNow()).failure).not.toBeNull();
    expect((await only(phone)).state).toBe("waiting");
    expect((await phone.sendNow()).delivered).toBe(1);
  });
});

describe("Wi-Fi only", () => {
  test("holds photos back, and nothing that is small", async () => {
    const phone = await app();
    const early = await keepAndShare(phone, {}, "early");
    await phone.sendNow();
    await phone.changeSettings({ sendsOnUnmeteredOnly: true });
    agent.connection = { type: "cellular" };
    await phone.correct(early, "metal", null);
    await keepAndShare(phone, {}, "late");
    expect((await phone.sendNow()).delivered).toBe(1);
    expect(puts()).toHaveLength(1);
    agent.connection = { type: "wifi" };
    expect((await phone.sendNow()).delivered).toBe(1);
  });

  test("waits for the resident's word where the browser does not tell", async () => {
    const phone = await app();
    await phone.changeSettings({ sendsOnUnmeteredOnly: true });
    await keepAndShare(phone);
    expect((await phone.sendNow()).delivered).toBe(0);
    expect((await phone.sendNow(true)).delivered).toBe(1);
  });
});

describe("what became of it", () => {
  test("is told, and only what was accepted counts", async () => {
    const phone = await app();
    const ids: string[] = [];
    for (const content of ["a", "b", "c"]) ids.push(await keepAndShare(phone, {}, content));
    await phone.sendNow();
    const [first, second] = ids.map((id) => city.submissions.get(id) ?? expect.fail());
    Object.assign(first ?? {}, { accepted: true, releases: [7] });
    Object.assign(second ?? {}, { accepted: false });
    expect(await phone.refreshFates()).toBe(true);
    expect(phone.tallyOf(await phone.own())).toEqual({ accepted: 1, learned: 1, waiting: 1 });
    expect((await phone.own()).find((each) => each.id === ids[0])?.fate).toMatchObject({
      isAccepted: true,
      inReleases: [7],
    });
  });

  test("is not taken back by an answer that took longer than a newer one", async () => {
    const phone = await app();
    const id = await keepAndShare(phone);
    await phone.sendNow();
    const slow = later<undefined>();
    const way = vi.fn(city.fetch).mockImplementationOnce(async (request) => {
      const answer = await city.fetch(request);
      await slow.promise;
      return answer;
    });
    vi.stubGlobal("fetch", way);
    const asked = phone.refreshFates();
    await vi.waitFor(() => {
      expect(way).toHaveBeenCalled();
    }, PATIENT);
    theOne().accepted = true;
    await phone.refreshFates();
    await phone.markSeen(id);
    slow.resolve(undefined);
    await asked;
    expect(await only(phone)).toMatchObject({ fate: { isAccepted: true }, seenAt: expect.any(Number) as number });
  });

  test("stays as it was known where nobody answers", async () => {
    const phone = await app();
    await keepAndShare(phone);
    await phone.sendNow();
    city.trouble(/^GET/, "no_connection");
    expect(await phone.refreshFates()).toBe(false);
    expect((await only(phone)).fate?.state).toBe("received");
  });
});

describe("forgetting the phone", () => {
  test("erases here at once, withdraws there, and begins under a new name", async () => {
    const phone = await app();
    await keepAndShare(phone, {}, "sent");
    await phone.sendNow();
    await phone.keep(new Blob(["only here"]), ANSWER);
    agent.onLine = false;
    await phone.forgetPhone();
    expect(await phone.own()).toEqual([]);
    agent.onLine = true;
    const id = await keepAndShare(phone, {}, "new");
    expect((await phone.sendNow()).delivered).toBe(1);
    const [old, fresh] = [...city.submissions.values()];
    expect([old?.isWithdrawn, fresh?.isWithdrawn, city.submissions.has(id)]).toEqual([true, false, true]);
    expect(fresh?.device).not.toBe(old?.device);
  });

  test("is told again if the answer was lost", async () => {
    const phone = await app();
    await keepAndShare(phone);
    await phone.sendNow();
    await phone.forgetPhone();
    city.trouble(/^DELETE/, "answer_lost");
    expect((await phone.sendNow()).failure).not.toBeNull();
    expect((await (await app()).sendNow()).failure).toBeNull();
    expect(await phone.database.read("registration")).toBeUndefined();
  });
});

test("an opinion counts for the release that answered, and is forgotten with its photo", async () => {
  const phone = await app();
  const kind = { model: "Fairphone 5", appVersion: "0.1.0", runtimeVersion: "2.5.3" };
  const now = () => Promise.resolve(new Date());
  const usage = phone.usage.usageOf({ now, channel: "stable", bundledVersion: 1, kind });
  await usage.answered(2, 80);
  const id = await phone.keep(new Blob(["photo"]), ANSWER);
  await phone.correct(id, "metal", null);
  expect((await phone.database.read("usage"))?.open[0]?.use.corrected).toBe(1);
  await phone.withdraw(id);
  expect((await phone.database.read("usage"))?.opinions).toEqual({});
});

describe("when a photo was taken", () => {
  const NOW = Date.UTC(2026, 10, 21, 12);
  const LAST_YEAR = new Date(2025, 6, 4, 12).getTime(); // The day is told as the resident's calendar has it.

  async function keptFrom(phone: App, photo: Blob) {
    const id = await phone.keep(photo, ANSWER, NOW);
    return (await phone.own()).find((each) => each.id === id) ?? expect.fail();
  }

  test("a chosen file says when, and the city is told that day", async () => {
    const phone = await app();
    const old = await keptFrom(phone, new File(["old"], "IMG_1.jpg", { lastModified: LAST_YEAR }));
    expect(old.takenAt).toBe(LAST_YEAR);
    await phone.share(old.id, CHOICE);
    await phone.sendNow();
    expect(theOne().submission).toMatchObject({ captured_on: "2025-07-04" });
  });

  test("a file from the future, and what the camera sees, are of now", async () => {
    const phone = await app();
    const early = new File(["early"], "IMG_2.jpg", { lastModified: NOW + 3_600_000 });
    expect((await keptFrom(phone, early)).takenAt).toBe(NOW);
    expect((await keptFrom(phone, new Blob(["camera"]))).takenAt).toBe(NOW);
  });

  test("the last that was asked about comes first, however old it is", async () => {
    const phone = await app();
    vi.useFakeTimers({ toFake: ["Date"] });
    await phone.keep(new Blob(["new"]), ANSWER);
    vi.advanceTimersByTime(1000);
    const old = await keptFrom(phone, new File(["old"], "IMG_3.jpg", { lastModified: LAST_YEAR }));
    expect((await phone.own())[0]?.id).toBe(old.id);
  });
});
