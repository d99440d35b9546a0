import { type Server, server } from "../server/client.ts";
import { isUnmetered } from "../server/connection.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import { registerInsteadOf, registration } from "../server/registration.ts";
import { change, erase, read } from "../storage/database.ts";
import { settings } from "../storage/settings.ts";
import type { Pause, PhotoRow } from "../storage/tables.ts";
import { sendReports } from "../usage/reports.ts";
import { waiting as waitingReports } from "../usage/usage.ts";
import { sendPart, StillOnItsWay } from "./delivering.ts";
import { tellToForget } from "./forgetting.ts";
import * as ownPhotos from "./own_photos.ts";
import { nextAct, settled } from "./rules.ts";

/**
 * Sends what waits: withdrawals, photos, corrections, consents, field reports.
 *
 * Guarantees: page, second tab and service worker never send at once. A part waits until the server has taken it; if the
 * app ends in between it is sent again, which the server answers alike. What the server refuses is kept with the reason
 * and is not sent again.
 */

export const SYNC_TAG = "outbox";

const LOCK = "outbox";
const FIRST_WAIT_SECONDS = 1;
const LONGEST_WAIT_SECONDS = 300;
/** No pause is longer, whatever the clock said when it began. */
const LONGEST_PAUSE_MILLISECONDS = 3_600_000;

export interface Sent {
  /** Parts that the server has taken. */
  readonly delivered: number;
  /** Why something still waits that could have been sent. */
  readonly failure: ServerUnreachable | null;
}

const NOTHING: Sent = { delivered: 0, failure: null };
const SERVER_ERROR = 500;

/**
 * Tries everything once. `isAsked`: the resident has asked for it now, on whatever network, and whatever pause the
 * server asked for.
 */
export async function sendNow(isAsked = false): Promise<Sent> {
  return await navigator.locks.request(LOCK, () => sendAll(isAsked));
}

/** When to try again after the last failure, in milliseconds since 1970; null where none is known. */
export async function nextTry(): Promise<number | null> {
  return (await read("pause"))?.until ?? null;
}

async function sendAll(isAsked: boolean): Promise<Sent> {
  await settleLeftovers();
  if (!navigator.onLine || (!isAsked && isHeld(await read("pause")))) return NOTHING;
  const mayUpload = isAsked || !(await settings()).sendsOnUnmeteredOnly || isUnmetered() === true;
  const sent = await sendWhatWaits(mayUpload);
  await (sent.failure === null ? erase("pause") : pauseAfter(sent.failure));
  return sent;
}

/** Nobody else sends while the lock is held: what is still on its way was left behind by an app that ended. */
async function settleLeftovers(): Promise<void> {
  for (const { id, state } of await ownPhotos.rows()) {
    if (state === "sending") await ownPhotos.changeRow(id, settled);
  }
}

async function sendWhatWaits(mayUpload: boolean): Promise<Sent> {
  try {
    await tellToForget();
    if ((await nextPhoto(mayUpload)) === undefined && (await waitingReports()).length === 0) return NOTHING;
    return await sendRegistered(mayUpload);
  } catch (error) {
    if (error instanceof ServerUnreachable) return { delivered: 0, failure: error };
    if (!(error instanceof ServerRefused)) throw error;
    return { delivered: 0, failure: new ServerUnreachable(error.message, error.status) }; // It registers nobody now.
  }
}

async function sendRegistered(mayUpload: boolean): Promise<Sent> {
  const known = await registration();
  try {
    return await sendTo(server(known), mayUpload);
  } catch (error) {
    if (!(error instanceof ServerRefused && error.isForgotten)) throw error;
  }
  return sendTo(server(await registerInsteadOf(known)), mayUpload);
}

async function sendTo(to: Server, mayUpload: boolean): Promise<Sent> {
  const sent = await sendPhotos(to, mayUpload);
  if (sent.failure !== null) return sent;
  try {
    await sendReports(to);
  } catch (error) {
    if (!(error instanceof ServerUnreachable)) throw error;
    return { ...sent, failure: error };
  }
  return sent;
}

/** Where the server fails at one photo, the others are tried; where it is away, this ends at once. */
async function sendPhotos(to: Server, mayUpload: boolean): Promise<Sent> {
  let [delivered, failure] = [0, null as ServerUnreachable | null];
  const left = new Set<string>();
  for (;;) {
    const photo = await nextPhoto(mayUpload, left);
    if (photo === undefined) return { delivered, failure };
    try {
      if (await sendPart(to, photo.id)) delivered += 1;
    } catch (error) {
      await ownPhotos.changeRow(photo.id, settled);
      if (!(error instanceof ServerUnreachable)) throw error;
      failure = error;
      left.add(photo.id);
      if (error.status !== SERVER_ERROR && !(error instanceof StillOnItsWay)) return { delivered, failure };
    }
  }
}

/** What is sent next: withdrawals, then the oldest. Only photos wait for a network that costs nothing. */
async function nextPhoto(mayUpload: boolean, left: ReadonlySet<string> = new Set()): Promise<PhotoRow | undefined> {
  const ready = (await ownPhotos.rows()).filter((row) => {
    const act = nextAct(row);
    return act !== null && !left.has(row.id) && (mayUpload || act.kind !== "submission");
  });
  const rank = (row: PhotoRow) => (row.waiting.withdrawal ? 0 : row.keptAt);
  return ready.sort((one, other) => rank(one) - rank(other))[0];
}

function isHeld(pause: Pause | undefined): boolean {
  const remaining = pause?.isAsked === true ? pause.until - Date.now() : 0;
  return remaining > 0 && remaining <= LONGEST_PAUSE_MILLISECONDS;
}

/** Exponential, with jitter so that phones do not come back together; never less than the server asked. */
async function pauseAfter({ status, retryAfterSeconds }: ServerUnreachable): Promise<void> {
  await change("pause", (before) => {
    const failures = (before?.failures ?? 0) + 1;
    const longest = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (failures - 1));
    const wait = Math.max(retryAfterSeconds ?? 0, (longest * (1 + Math.random())) / 2) * 1000;
    return { until: Date.now() + Math.min(wait, LONGEST_PAUSE_MILLISECONDS), failures, isAsked: status !== null };
  });
}
