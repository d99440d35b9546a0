import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { City, problem } from "../../tests/fakes/city.ts";

const NOON = Date.parse("2027-03-10T12:00:00Z");
const KIND = { model: "Fairphone 5", appVersion: "0.1.0", runtimeVersion: "2.5.3" };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PHONE = { deviceId: "phone-1", token: "secret" };

/** A phone's counts, and the calendar. */
class Days {
  now = NOON;

  /** The app, started anew. */
  async app() {
    vi.resetModules();
    const usage = await import("../usage/usage.ts");
    const { read } = await import("../storage/database.ts");
    const now = () => Promise.resolve(new Date(this.now));
    return { ...usage, read, ...usage.usageOf({ now, channel: "stable", bundledVersion: 1, kind: KIND }) };
  }

  async reported(running = 2) {
    const phone = await this.app();
    await phone.closeDays(running);
    return (await phone.waiting()).flatMap(({ releases }) => releases);
  }

  later(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }
}

let days: Days;
let phone: Awaited<ReturnType<Days["app"]>>;

beforeEach(async () => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("location", { origin: "https://city.example" });
  days = new Days();
  phone = await days.app();
  await phone.saw(null, false);
});

afterEach(() => vi.unstubAllGlobals());

describe("a day", () => {
  test("is reported once it is over and corrections had their time", async () => {
    await phone.answered(2, 80);
    expect(await days.later(23 * HOUR).reported()).toEqual([]);
    const [use, ...others] = await days.later(HOUR).reported();
    expect(others).toEqual([]);
    expect(use).toMatchObject({ version: 2, arm: "current", answers: 1, latency: { 12: 1 }, loads: 0 });
    expect((await phone.waiting())[0]).toMatchObject({
      format_version: 1,
      day: "2027-03-10",
      phone_model: "Fairphone 5",
      channel: "stable",
    });
  });

  test("survives restarts, and enters one report only", async () => {
    for (let start = 0; start < 3; start++) await (await days.app()).answered(2, 10);
    const first = await days.later(2 * DAY).reported();
    expect(await days.reported()).toEqual(first);
    expect(first.map(({ answers }) => answers)).toEqual([3]);
    const [report, ...others] = await phone.waiting();
    expect(others).toEqual([]);
    await phone.settle(report?.report_id ?? "");
    expect(await days.later(2 * DAY).reported()).toEqual([]);
  });

  test("that could not be sent for 30 days is forgotten", async () => {
    for (let day = 0; day < 40; day++) {
      await phone.answered(2, 10);
      await phone.closeDays(2);
      days.later(DAY);
    }
    await phone.closeDays(2);
    const waiting = await phone.waiting();
    expect([waiting.length, waiting[0]?.day]).toEqual([30, new Date(days.now - 30 * DAY).toISOString().slice(0, 10)]);
  });

  test("under a clock years ahead is forgotten once the clock is right", async () => {
    days.later(1000 * DAY);
    await phone.answered(2, 10);
    days.later(-1000 * DAY);
    await phone.answered(2, 10);
    await phone.closeDays(2);
    expect((await phone.read("usage"))?.open.map(({ day }) => day)).toEqual(["2027-03-10"]);
  });

  test("has a report of its own for every eight releases", async () => {
    for (let version = 1; version <= 10; version++) await phone.count(version, "installed");
    expect(await days.later(2 * DAY).reported()).toHaveLength(10);
    expect((await phone.waiting()).map(({ releases }) => releases.length)).toEqual([8, 2]);
  });

  test("counts more than a report may hold as what it may hold", async () => {
    for (let time = 0; time < 105; time++) {
      await phone.answered(2, 10);
      await phone.count(2, "loads");
    }
    const [use] = await days.later(2 * DAY).reported();
    expect(use).toMatchObject({ answers: 100, loads: 100, latency: { 6: 100 } });
  });
});

describe("an opinion", () => {
  test("counts to the release and the day of its answer", async () => {
    await phone.answered(2, 10);
    await phone.kept("one", 2, "glass");
    days.later(20 * HOUR);
    await phone.answered(3, 10);
    await phone.said("one", "metal");
    const told = await days.later(3 * DAY).reported();
    expect(told.map(({ version, corrected, accepted }) => [version, corrected, accepted])).toEqual([
      [2, 1, 0],
      [3, 0, 0],
    ]);
  });

  test("is the resident's last word", async () => {
    await phone.answered(2, 10);
    await phone.kept("one", 2, "glass");
    for (const label of ["metal", "paper", "glass"]) await phone.said("one", label);
    expect((await days.later(2 * DAY).reported())[0]).toMatchObject({ accepted: 1, corrected: 0 });
  });

  test("counts no more after its day was reported", async () => {
    await phone.answered(2, 10);
    await phone.kept("one", 2, "glass");
    const before = await days.later(2 * DAY).reported();
    await phone.said("one", "metal");
    expect(await days.later(2 * DAY).reported()).toEqual(before);
  });

  test("is one for each answer, however often its photo was kept", async () => {
    await phone.answered(2, 10);
    for (const photo of ["one", "two"]) await phone.kept(photo, 2, "glass");
    for (const photo of ["one", "two"]) await phone.said(photo, "metal");
    expect((await days.later(2 * DAY).reported())[0]).toMatchObject({ answers: 1, accepted: 0, corrected: 1 });
  });

  test("of a photo that was withdrawn leaves no name behind", async () => {
    await phone.answered(2, 10);
    await phone.kept("one", 2, "glass");
    await phone.forget("one");
    expect((await phone.read("usage"))?.opinions).toEqual({});
  });
});

describe("a refusal", () => {
  test("counts once for each release and reason", async () => {
    for (let start = 0; start < 3; start++) {
      const restarted = await days.app();
      await restarted.refused(3, "self_test_failed");
      await restarted.refused(3, "disk_full");
    }
    const expected = { refused: { self_test_failed: 1, disk_full: 1 }, self_test_failed: 1 };
    expect((await days.reported())[0]).toMatchObject(expected);
    days.later(DAY);
    await phone.refused(3, "self_test_failed");
    expect(await days.later(2 * DAY).reported()).toHaveLength(1);
  });

  test("of what does not run is told at once, what runs at the end of its day", async () => {
    await phone.answered(2, 10);
    await phone.count(3, "load_crashes");
    expect((await days.reported()).map(({ version }) => version)).toEqual([3]);
    expect((await days.later(2 * DAY).reported()).map(({ version }) => version)).toEqual([3, 2]);
  });

  test("of what cannot be had yet is told with its day", async () => {
    await phone.refused(3, "unreachable");
    expect(await days.reported()).toEqual([]);
    await phone.count(3, "installed");
    expect((await days.later(2 * DAY).reported())[0]).toMatchObject({ refused: { unreachable: 1 }, installed: 1 });
  });

  test("to look counts once a day, with the release that ran", async () => {
    for (let time = 0; time < 3; time++) await phone.lookRefused(2, "expired_metadata");
    days.later(DAY);
    await phone.lookRefused(2, "older_metadata");
    const told = (await days.later(2 * DAY).reported()).map((use) => use.looks_refused);
    expect(told).toEqual([{ expired_metadata: 1 }, { older_metadata: 1 }]);
  });
});

test("a phone knows its side of a rollout", async () => {
  const arms: string[] = [];
  const answeredBy = async (version: number) => {
    await phone.answered(version, 10);
    arms.push((await phone.read("usage"))?.open.at(-1)?.use.arm ?? "none");
  };
  await phone.saw(3, false);
  await answeredBy(3);
  await answeredBy(2);
  await phone.saw(null, false);
  await answeredBy(2);
  await answeredBy(1);
  await phone.saw(3, true);
  await answeredBy(1);
  days.later(2 * DAY);
  await answeredBy(2);
  expect(arms).toEqual(["candidate", "awaited", "current", "bundled", "bundled", "unseen"]);
});

test("a full disk stops no answer", async () => {
  const put = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, "put") ?? expect.fail();
  IDBObjectStore.prototype.put = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  try {
    await phone.answered(2, 10);
  } finally {
    Object.defineProperty(IDBObjectStore.prototype, "put", put);
  }
  await phone.answered(2, 10);
  expect((await days.later(2 * DAY).reported())[0]).toMatchObject({ answers: 1 });
});

test("tabs that count at the same time lose nothing of each other", async () => {
  const tabs = [phone, await days.app(), await days.app()];
  await Promise.all(tabs.flatMap((tab) => [tab.answered(2, 10), tab.answered(2, 10)]));
  expect((await days.later(2 * DAY).reported())[0]).toMatchObject({ answers: 6 });
});

describe("reports", () => {
  let city: City;

  beforeEach(async () => {
    city = new City();
    city.know(PHONE.deviceId, PHONE.token);
    vi.stubGlobal("fetch", city.fetch);
    await phone.answered(2, 10);
    await days.later(2 * DAY).reported();
  });

  async function send(token = PHONE.token): Promise<void> {
    await days.app();
    const { server } = await import("../server/client.ts");
    const { sendReports } = await import("./reports.ts");
    await sendReports(server({ ...PHONE, token }));
  }

  test("keep their ids until the server has them, and then wait no more", async () => {
    city.trouble(/POST/, "answer_lost");
    await expect(send()).rejects.toMatchObject({ name: "ServerUnreachable" });
    await send();
    await send();
    expect([city.reports.size, city.asked.length]).toEqual([1, 2]);
  });

  test("that the server does not want are not sent again", async () => {
    city.trouble(/POST/, () => problem(422, "too_long_ago"));
    await send();
    expect(await phone.waiting()).toEqual([]);
  });

  test("of a phone that the server does not know wait", async () => {
    await expect(send("other")).rejects.toMatchObject({ isForgotten: true });
    expect(await phone.waiting()).toHaveLength(1);
  });
});
