import type { Arm, Counted, DayUse, Opinion, ReleaseUse, Report } from "../storage/tables.ts";

/**
 * The rules of counting, without any input or output (phone/usage.py is their reference).
 *
 * A count enters exactly one report. A day is reported twelve hours after its end (UTC): corrections until then count to
 * the day and the release of their answer. A release that failed here and does not run any more is told at once. What is
 * older than 30 days is forgotten unsent.
 */

export type Counter = "installed" | "self_test_failed" | "load_crashes" | "rolled_back" | "loads" | "answers";

/** What kind of phone this is; the browser's whole name would tell too much. */
export interface PhoneKind {
  /** Maker and model, or the platform where the browser tells no more. */
  readonly model: string;
  readonly appVersion: string;
  readonly runtimeVersion: string;
}

/** When something is counted, and against what. */
export interface Moment {
  readonly now: Date;
  /** Version of the release that came with the app. */
  readonly bundledVersion: number;
}

export const NOTHING: Counted = { open: [], opinions: {}, waiting: [], told: {}, seen: null };

const HOUR_MILLISECONDS = 3_600_000;
const DAY_MILLISECONDS = 24 * HOUR_MILLISECONDS;
const STAYS_OPEN_HOURS = 12;
const KEPT_DAYS = 30;
/** More of anything than this on one day says nothing further, and no report may. */
const MOST = 100;
const MOST_RELEASES = 8;
const LATENCY_BUCKETS = 34;
const FAILURES = ["tampered_file", "model_broken", "crashed"];

/** `candidate`: the release whose cohort this phone is in by the pointer that was verified now; null: in none. */
export function saw(counted: Counted, { now }: Moment, candidate: number | null, isToBundled: boolean): Counted {
  return { ...counted, seen: { day: dayOf(now), candidate, isToBundled } };
}

export function count(counted: Counted, moment: Moment, version: number, counter: Counter): Counted {
  return added(counted, entry(counted, moment, version), { [counter]: 1 });
}

/** Counts a refusal with its reason, once for each release. */
export function refused(counted: Counted, moment: Moment, version: number, reason: string): Counted {
  const told = counted.told[version] ?? [];
  if (told.includes(reason)) return counted;
  const today = entry(counted, moment, version);
  const failed = reason === "self_test_failed" ? { self_test_failed: today.use.self_test_failed + 1 } : {};
  const noted = { ...counted, told: { ...counted.told, [version]: [...told, reason] } };
  return replaced(noted, today, { refused: { ...today.use.refused, [reason]: 1 }, ...failed });
}

/** Counts that looking for updates failed for what concerns no release, once a day. */
export function lookRefused(counted: Counted, moment: Moment, running: number, reason: string): Counted {
  const today = entry(counted, moment, running);
  return replaced(counted, today, { looks_refused: { ...today.use.looks_refused, [reason]: 1 } });
}

export function answered(counted: Counted, moment: Moment, version: number, milliseconds: number): Counted {
  const today = entry(counted, moment, version);
  if (today.use.answers >= MOST) return counted;
  const bucket = latencyBucket(milliseconds);
  const latency = { ...today.use.latency, [bucket]: (today.use.latency[bucket] ?? 0) + 1 };
  return replaced(counted, today, { answers: today.use.answers + 1, latency });
}

/** Remembers whose answer a photo carries. */
export function kept(counted: Counted, photoId: string, version: number, predicted: string): Counted {
  const free = counted.open.filter(({ use }) => use.version === version && hasAnswerWithoutOpinion(use));
  const newest = free.reduce<DayUse | null>((best, each) => (best && best.day >= each.day ? best : each), null);
  if (newest === null) return counted;
  const opinion: Opinion = { day: newest.day, version, arm: newest.use.arm, predicted, isRight: null };
  return { ...counted, opinions: { ...counted.opinions, [photoId]: opinion } };
}

/** Counts what the resident says; the last word counts. Later than its day stays open, none counts. */
export function said(counted: Counted, photoId: string, label: string): Counted {
  const opinion = counted.opinions[photoId];
  if (opinion === undefined || opinion.isRight === (label === opinion.predicted)) return counted;
  const isRight = label === opinion.predicted;
  const answer = counted.open.find((each) => isOf(each, opinion.day, opinion.version, opinion.arm));
  if (answer === undefined) return counted;
  if (opinion.isRight === null && !hasAnswerWithoutOpinion(answer.use)) return counted; // Kept twice: one opinion.
  const [now, before] = isRight ? (["accepted", "corrected"] as const) : (["corrected", "accepted"] as const);
  const changes = opinion.isRight === null ? { [now]: 1 } : { [now]: 1, [before]: -1 };
  const changed = { ...counted, opinions: { ...counted.opinions, [photoId]: { ...opinion, isRight } } };
  return added(changed, answer, changes);
}

/** Keeps no name of a photo that is not here any more. */
export function forget(counted: Counted, photoId: string): Counted {
  return { ...counted, opinions: where(counted.opinions, (_, name) => name !== photoId) };
}

/** Makes reports of all that is to be told by now. */
export function closeDays(
  counted: Counted,
  moment: Moment,
  running: number,
  channel: string,
  kind: PhoneKind,
): Counted {
  const oldest = dayOf(after(moment.now, -KEPT_DAYS));
  const newest = dayOf(after(moment.now, 1)); // Later ones come from a clock that was years ahead.
  const known = counted.open.filter(({ day }) => oldest <= day && day <= newest);
  const isTold = (each: DayUse) => isOver(each, moment) || (hasFailed(each.use) && each.use.version !== running);
  const open = known.filter((each) => !isTold(each));
  const reports = [...counted.waiting, ...reportsOf(known.filter(isTold), channel, kind)];
  return {
    ...counted,
    open,
    opinions: where(counted.opinions, ({ day, version, arm }) => open.some((each) => isOf(each, day, version, arm))),
    waiting: reports.filter(({ day }) => day >= oldest),
  };
}

/** Forgets a report that the server has taken, or will never take. */
export function settle(counted: Counted, reportId: string): Counted {
  return { ...counted, waiting: counted.waiting.filter(({ report_id }) => report_id !== reportId) };
}

/** Two buckets for each doubling: bucket k counts from 2^(k/2) up to, not including, 2^((k+1)/2) milliseconds. */
export function latencyBucket(milliseconds: number): number {
  if (milliseconds <= 0) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.max(0, Math.floor(2 * Math.log2(milliseconds))));
}

function armOf(counted: Counted, { now, bundledVersion }: Moment, version: number): Arm {
  const { seen } = counted;
  if (seen === null || seen.day < dayOf(after(now, -1))) return "unseen";
  if (seen.candidate !== null && !seen.isToBundled) return version === seen.candidate ? "candidate" : "awaited";
  return version === bundledVersion ? "bundled" : "current";
}

/** What is counted today, begun where it is new. */
function entry(counted: Counted, moment: Moment, version: number): DayUse {
  const [day, arm] = [dayOf(moment.now), armOf(counted, moment, version)];
  return counted.open.find((each) => isOf(each, day, version, arm)) ?? { day, use: unused(version, arm) };
}

function unused(version: number, arm: Arm): ReleaseUse {
  return {
    version,
    arm,
    installed: 0,
    refused: {},
    looks_refused: {},
    self_test_failed: 0,
    load_crashes: 0,
    rolled_back: 0,
    loads: 0,
    answers: 0,
    accepted: 0,
    corrected: 0,
    latency: {},
  };
}

function added(
  counted: Counted,
  to: DayUse,
  more: Partial<Record<Counter | "accepted" | "corrected", number>>,
): Counted {
  const names = Object.keys(more) as (keyof typeof more)[];
  const counts = names.map((name) => [name, Math.min(MOST, to.use[name] + (more[name] ?? 0))]);
  return replaced(counted, to, Object.fromEntries(counts) as Partial<ReleaseUse>);
}

function replaced(counted: Counted, before: DayUse, changes: Partial<ReleaseUse>): Counted {
  const others = counted.open.filter((each) => !isOf(each, before.day, before.use.version, before.use.arm));
  return { ...counted, open: [...others, { ...before, use: { ...before.use, ...changes } }] };
}

function isOf({ day, use }: DayUse, itsDay: string, version: number, arm: Arm): boolean {
  return day === itsDay && use.version === version && use.arm === arm;
}

function hasAnswerWithoutOpinion(use: ReleaseUse): boolean {
  return use.answers > use.accepted + use.corrected;
}

/** Whether something is wrong with the release; a phone without a network may still get it today. */
function hasFailed(use: ReleaseUse): boolean {
  const failures = use.self_test_failed + use.load_crashes + use.rolled_back;
  return failures > 0 || FAILURES.some((reason) => reason in use.refused);
}

function isOver({ day }: DayUse, { now }: Moment): boolean {
  return now.getTime() >= Date.parse(day) + DAY_MILLISECONDS + STAYS_OPEN_HOURS * HOUR_MILLISECONDS;
}

function reportsOf(told: readonly DayUse[], channel: string, kind: PhoneKind): Report[] {
  const days = [...new Set(told.map(({ day }) => day))].sort();
  return days.flatMap((day) => {
    const uses = told.filter((each) => each.day === day).map(({ use }) => use);
    const parts = Array.from({ length: Math.ceil(uses.length / MOST_RELEASES) }, (_, place) =>
      uses.slice(place * MOST_RELEASES, (place + 1) * MOST_RELEASES),
    );
    return parts.map((releases) => ({
      format_version: 1,
      report_id: crypto.randomUUID(),
      day,
      channel,
      phone_model: kind.model,
      app_version: kind.appVersion,
      runtime_version: kind.runtimeVersion,
      releases,
    }));
  });
}

function where<Value>(
  all: Readonly<Record<string, Value>>,
  keeps: (value: Value, name: string) => boolean,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => keeps(value, name)));
}

/** YYYY-MM-DD (UTC) */
function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}

function after(moment: Date, days: number): Date {
  return new Date(moment.getTime() + days * DAY_MILLISECONDS);
}
