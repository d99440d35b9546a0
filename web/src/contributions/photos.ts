import { settings } from "../storage/settings.ts";
import type { Answer, Choice, Correction, CorrectionReason, PhotoRow, Pictures } from "../storage/tables.ts";
import { forget as forgetOpinion, kept, said as countOpinion } from "../usage/usage.ts";
import { forgetEverything } from "./forgetting.ts";
import { sendSoon } from "./outgoing.ts";
import * as ownPhotos from "./own_photos.ts";
import { pictures, type Region } from "./pictures.ts";
import { rounded } from "./places.ts";
import { ContributionError } from "./problems.ts";
import * as rules from "./rules.ts";

export { watch } from "./changes.ts";
export { exportAll } from "./export.ts";
export { propose } from "./faces.ts";
export { refreshFates } from "./fates.ts";
export { startSending } from "./outgoing.ts";
export type { Region } from "./pictures.ts";
export { type ContributionCode, ContributionError } from "./problems.ts";
export { nextTry, type Sent, sendNow } from "./sending.ts";

/**
 * The resident's own photos, and what is said about them: all that the screens need of this folder.
 *
 * Guarantees: nothing is sent that was not shared. Once a function has returned, what it was told is on the disk, and
 * what is to be sent will be, whatever ends the app in between. A withdrawn photo is erased here at once.
 */

/** One of the resident's photos, with all that is known of it. */
export type OwnPhoto = PhotoRow & Pictures;

/** Why an answer can have been wrong, in the order in which it is asked. */
export const CORRECTION_REASONS: readonly CorrectionReason[] = [
  "wrong_material",
  "several_materials",
  "several_things",
  "dirty_or_wet",
  "bad_photo",
  "none_fits",
];

/**
 * Keeps a photo with the model's answer, only here, and returns its name. `askedAt`: when the resident asked about it,
 * which is before the model answered. Rejects with `ContributionError`.
 */
export async function keep(photo: Blob, answer: Answer, askedAt = Date.now()): Promise<string> {
  const { allowsReview, allowsTraining, precision } = await settings();
  const choice = { sends: false, allowsReview, allowsTraining, precision, location: null, place: null };
  const id = crypto.randomUUID();
  const times = { takenAt: rules.takenAt(photo, askedAt), keptAt: Date.now() };
  await ownPhotos.add({ row: rules.fresh(id, times, answer, choice), pictures: await pictures(photo) });
  await kept(id, answer.release, answer.label);
  return id;
}

/** Says that the answer is right. */
export async function confirm(id: string): Promise<void> {
  const row = await changed(id, rules.confirmed);
  await countOpinion(id, row.answer.label);
  sendIfWaiting(row);
}

/** Says what it really is, also long after it was sent; the newest word counts. */
export async function correct(id: string, label: string, reason: Correction["reason"]): Promise<void> {
  const row = await changed(id, (before) => rules.corrected(before, { label, reason }));
  await countOpinion(id, label);
  sendIfWaiting(row);
}

/**
 * Decides whether and how a photo is sent: what lies under `covers` is erased, and the position rounded, before anything
 * is kept for sending. Rejects with `already_sent` where the server may have it.
 */
export async function share(
  id: string,
  choice: Choice,
  covers: readonly Region[] = [],
  note: string | null = null,
): Promise<void> {
  const covered = covers.length === 0 ? null : await coveredPictures(id, covers);
  const told = { ...choice, location: rounded(choice.location, choice.precision) };
  const words = note === null || note.trim() === "" ? null : note.trim();
  const after = await ownPhotos.change(id, (before) => ({
    row: rules.shared(before.row, told, words),
    pictures: covered ?? before.pictures,
  }));
  sendIfWaiting(found(after).row);
}

/** Gives or takes back what people and models may do with a photo, also after it was sent; what is left out stays. */
export async function changeConsent(
  id: string,
  consent: Partial<Pick<Choice, "allowsReview" | "allowsTraining">>,
): Promise<void> {
  sendIfWaiting(await changed(id, (before) => rules.consentChanged(before, consent)));
}

/** Erases a photo here at once, and at the server as soon as it is reached. */
export async function withdraw(id: string): Promise<void> {
  const after = await ownPhotos.change(id, rules.withdrawn);
  await forgetOpinion(id);
  if (after) sendIfWaiting(after.row);
}

/** Withdraws all that was shared; what is only here stays. */
export async function withdrawAll(): Promise<void> {
  const shared = (await ownPhotos.rows()).filter(({ state }) => state !== "only_here" && state !== "refused");
  for (const { id } of shared) await withdraw(id);
}

/**
 * Deletes what is kept here of a photo that the server has nothing of, or that was withdrawn there. Rejects with
 * `already_sent` for any other: it has to be withdrawn.
 */
export async function forget(id: string): Promise<void> {
  await ownPhotos.change(id, ({ row }) => {
    if (!rules.mayBeForgotten(row)) throw new ContributionError("already_sent", "It has to be withdrawn first.");
    return null;
  });
  await forgetOpinion(id);
}

/**
 * Forgets this phone: all photos are erased here at once, and the server withdraws what it has and forgets the phone as
 * soon as it is reached. What is shared after that goes out under a new name.
 */
export async function forgetPhone(): Promise<void> {
  await forgetEverything();
  sendSoon();
}

/** Notes that the resident has looked at what became of a photo. */
export async function markSeen(id: string): Promise<void> {
  await changed(id, (before) => ({ ...before, seenAt: Date.now() }));
}

/** All photos, the last that was asked about first. */
export async function own(): Promise<OwnPhoto[]> {
  const all = (await ownPhotos.all()).map(({ row, pictures: shown }) => ({ ...row, ...shown }));
  return all.sort((one, other) => other.keptAt - one.keptAt);
}

/** What counts: only what reviewers accepted, never how much was sent. */
export interface Tally {
  readonly accepted: number;
  /** Accepted photos that a published model has learnt from. */
  readonly learned: number;
  /** Shared photos of which nobody has decided yet. */
  readonly waiting: number;
}

export function tallyOf(photos: readonly PhotoRow[]): Tally {
  const known = photos.filter(({ state }) => state !== "withdrawn");
  const accepted = known.filter(({ fate }) => fate?.isAccepted === true);
  const undecided = known.filter(({ fate, waiting }) => fate?.isAccepted === null || waiting.submission);
  return {
    accepted: accepted.length,
    learned: accepted.filter(({ fate }) => fate !== null && fate.inReleases.length > 0).length,
    waiting: undecided.length,
  };
}

async function changed(id: string, how: (row: PhotoRow) => PhotoRow): Promise<PhotoRow> {
  return found(await ownPhotos.changeRow(id, how)).row;
}

function found(kept: rules.Kept | null | undefined): rules.Kept {
  if (!kept) throw new ContributionError("gone", "There is no such photo any more.");
  return kept;
}

async function coveredPictures(id: string, covers: readonly Region[]): Promise<Pictures> {
  const { photo } = found(await ownPhotos.find(id)).pictures;
  if (photo === null) throw new ContributionError("already_sent", "The photo is not here any more.");
  return pictures(photo, covers);
}

function sendIfWaiting(row: PhotoRow): void {
  if (rules.nextAct(row) !== null) sendSoon();
}
