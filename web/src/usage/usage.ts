import { change, read } from "../storage/database.ts";
import { unlessFull } from "../storage/full_disk.ts";
import type { Counted } from "../storage/tables.ts";
import * as counts from "./counts.ts";
import { type Counter, NOTHING, type PhoneKind } from "./counts.ts";

/** What is counted belongs to this channel, and to this kind of phone. */
export interface Counting {
  /** The time that updates go by: see "Known time" in docs/updates.md. */
  readonly now: () => Promise<Date>;
  readonly channel: string;
  readonly bundledVersion: number;
  readonly kind: PhoneKind;
}

/**
 * Counts for field reports what this phone meets with its releases.
 *
 * Guarantees: counts are on the disk when a function returns, unless the disk is full: answering goes before counting.
 * Tabs and workers that count at the same time lose nothing of each other.
 */
export interface Usage {
  answered(version: number, milliseconds: number): Promise<void>;
  count(version: number, counter: Counter): Promise<void>;
  /** Counts a refusal with its reason, once for each release. */
  refused(version: number, reason: string): Promise<void>;
  /** Counts that looking for updates failed for what concerns no release, once a day. */
  lookRefused(running: number, reason: string): Promise<void>;
  /**
   * Notes on which side of a rollout this phone is by the pointer that was verified now: `candidate` is the release in
   * whose cohort it is; null: in none.
   */
  saw(candidate: number | null, isToBundled: boolean): Promise<void>;
  /** Makes reports of all that is to be told by now; `running` is the release in use. */
  closeDays(running: number): Promise<void>;
}

export function usageOf({ now, channel, bundledVersion, kind }: Counting): Usage {
  const counting = async (rule: (counted: Counted, moment: counts.Moment) => Counted) => {
    const moment = { now: await now(), bundledVersion };
    await keep((counted) => rule(counted, moment));
  };
  return {
    answered: (version, milliseconds) =>
      counting((counted, moment) => counts.answered(counted, moment, version, milliseconds)),
    count: (version, counter) => counting((counted, moment) => counts.count(counted, moment, version, counter)),
    refused: (version, reason) => counting((counted, moment) => counts.refused(counted, moment, version, reason)),
    lookRefused: (running, reason) =>
      counting((counted, moment) => counts.lookRefused(counted, moment, running, reason)),
    saw: (candidate, isToBundled) => counting((counted, moment) => counts.saw(counted, moment, candidate, isToBundled)),
    closeDays: (running) => counting((counted, moment) => counts.closeDays(counted, moment, running, channel, kind)),
  };
}

/** Remembers whose answer a photo carries, so that what the resident says of it counts to that release and day. */
export function kept(photoId: string, version: number, predicted: string): Promise<void> {
  return keep((counted) => counts.kept(counted, photoId, version, predicted));
}

/** Counts what the resident says; the last word counts. */
export function said(photoId: string, label: string): Promise<void> {
  return keep((counted) => counts.said(counted, photoId, label));
}

/** Keeps no name of a photo that is not here any more. */
export function forget(photoId: string): Promise<void> {
  return keep((counted) => counts.forget(counted, photoId));
}

/** The reports that are to be sent, oldest first. */
export async function waiting(): Promise<Counted["waiting"]> {
  return (await read("usage"))?.waiting ?? [];
}

/** Forgets a report that the server has taken, or will never take. */
export function settle(reportId: string): Promise<void> {
  return keep((counted) => counts.settle(counted, reportId));
}

function keep(rule: (counted: Counted) => Counted): Promise<void> {
  return unlessFull(() => change("usage", (counted) => rule(counted ?? NOTHING)));
}
