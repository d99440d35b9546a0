import type { Consent, Submission } from "../server/client.ts";
import type { Answer, Choice, Correction, Fate, PhotoRow, Pictures, Problem, Waiting } from "../storage/tables.ts";
import { ContributionError } from "./problems.ts";

/**
 * What may happen to one of the resident's photos, without any input or output.
 *
 * Until the submission is first begun to be sent, it is made of what the resident says last; from then on it never
 * changes, since the same UUID with other content would be refused, and what is said later follows it. The newest word
 * counts: what has changed while it was on its way goes on waiting.
 */

const NOTHING: Waiting = { submission: false, correction: false, consent: false, withdrawal: false };
const NO_PICTURES: Pictures = { photo: null, thumbnail: null };

/** A photo with what it looks like. */
export interface Kept {
  readonly row: PhotoRow;
  readonly pictures: Pictures;
}

/** A part that can be sent, and what is to be sent. */
export type Act =
  | { readonly kind: "withdrawal" }
  | { readonly kind: "submission"; readonly content: string }
  | { readonly kind: "correction"; readonly content: Correction }
  | { readonly kind: "consent"; readonly content: Consent };

export function fresh(
  id: string,
  { takenAt, keptAt }: Pick<PhotoRow, "takenAt" | "keptAt">,
  answer: Answer,
  choice: Choice,
): PhotoRow {
  return {
    id,
    takenAt,
    keptAt,
    answer,
    correction: null,
    isConfirmed: false,
    note: null,
    choice,
    state: "only_here",
    problem: null,
    fate: null,
    seenAt: null,
    waiting: NOTHING,
    tried: null,
  };
}

/**
 * When a photo was taken that is looked at `now`: a chosen file says when it was changed last, which no clock that ran
 * ahead may put into the future; what the camera of this page sees is taken now.
 */
export function takenAt(photo: Blob, now: number): number {
  return photo instanceof File ? Math.min(photo.lastModified, now) : now;
}

/** What the resident says that it is; null where nothing was said. */
export function said(row: PhotoRow): Correction | null {
  return row.correction ?? (row.isConfirmed ? { label: row.answer.label, reason: null } : null);
}

export function confirmed(row: PhotoRow): PhotoRow {
  return opined(row, { correction: null, isConfirmed: true });
}

export function corrected(row: PhotoRow, correction: Correction): PhotoRow {
  return opined(row, { correction, isConfirmed: false });
}

function opined(row: PhotoRow, opinion: Pick<PhotoRow, "correction" | "isConfirmed">): PhotoRow {
  checkNotWithdrawn(row);
  const problem = row.problem?.of === "correction" ? null : row.problem;
  return waitingFor({ ...row, ...opinion, problem }, mayBeThere(row) ? { correction: true } : {});
}

/** Decides whether and how it is sent. Throws where the server may have it already. */
export function shared(row: PhotoRow, choice: Choice, note: string | null): PhotoRow {
  checkNotWithdrawn(row);
  if (mayBeThere(row)) throw new ContributionError("already_sent", "Change the consent, or withdraw it.");
  return waitingFor({ ...row, choice, note, problem: null }, { submission: choice.sends });
}

export function consentChanged(
  row: PhotoRow,
  consent: Partial<Pick<Choice, "allowsReview" | "allowsTraining">>,
): PhotoRow {
  checkNotWithdrawn(row);
  const problem = row.problem?.of === "consent" ? null : row.problem;
  const changed = { ...row, choice: { ...row.choice, ...consent }, problem };
  return waitingFor(changed, mayBeThere(row) ? { consent: true } : {});
}

/** What is left once it was withdrawn: nothing, or the name under which the server has to be told. */
export function withdrawn({ row }: Kept): Kept | null {
  if (!mayBeThere(row)) return null;
  const choice: Choice = {
    sends: false,
    allowsReview: false,
    allowsTraining: false,
    precision: "none",
    location: null,
    place: null,
  };
  const rest: PhotoRow = {
    ...row,
    correction: null,
    isConfirmed: false,
    note: null,
    choice,
    state: "withdrawn",
    problem: null,
    waiting: { ...NOTHING, withdrawal: row.waiting.withdrawal || row.state !== "withdrawn" },
    tried: row.tried === null ? null : { at: row.tried.at, submission: "" },
  };
  return { row: rest, pictures: NO_PICTURES };
}

/** Whether nothing has to be done at the server before it can be deleted here. */
export function mayBeForgotten(row: PhotoRow): boolean {
  return row.state === "withdrawn" ? !row.waiting.withdrawal : !mayBeThere(row);
}

/**
 * What is to be sent next; null where nothing is. A consent that was changed after a try goes before the next one, so
 * that nothing is sent with a consent that was taken back.
 */
export function nextAct(row: PhotoRow): Act | null {
  if (row.waiting.withdrawal) return { kind: "withdrawal" };
  if (row.waiting.consent && row.tried !== null) return { kind: "consent", content: consentOf(row) };
  if (row.waiting.submission) return { kind: "submission", content: row.tried?.submission ?? submissionOf(row) };
  const opinion = said(row);
  if (row.waiting.correction && opinion !== null) return { kind: "correction", content: opinion };
  if (row.waiting.consent) return { kind: "consent", content: consentOf(row) };
  return null;
}

/** Begins to send the next part: from here on the server may have it, whatever ends the app before the next step. */
export function begun(row: PhotoRow, now: number): PhotoRow {
  const act = nextAct(row);
  if (act === null) return row;
  const tried = act.kind === "submission" ? { at: now, submission: act.content } : row.tried;
  return { ...row, tried, state: row.state === "withdrawn" ? "withdrawn" : "sending" };
}

/** The server has taken what `act` carried. What was said anew meanwhile goes on waiting. */
export function taken({ row, pictures }: Kept, act: Act, fate: Fate): Kept {
  const known = { ...row, fate };
  switch (act.kind) {
    case "withdrawal":
      return { row: waitingFor({ ...known, tried: null }, { withdrawal: false }), pictures };
    case "submission":
      return arrived({ row: known, pictures });
    case "correction":
      return { row: waitingFor(known, { correction: isSaidAnew(row, act) }), pictures };
    case "consent":
      return arrived({ row: waitingFor(known, { consent: isSaidAnew(row, act) }), pictures });
  }
}

/** The server has the photo. */
function arrived({ row, pictures }: Kept): Kept {
  const rest = row.state === "withdrawn" ? NO_PICTURES : { ...pictures, photo: null };
  return { row: waitingFor({ ...row, tried: null }, { submission: false }), pictures: rest };
}

/** The tries of before have not arrived and never will: what is sent next is made of what was said last. */
export function neverArrived(row: PhotoRow): PhotoRow {
  return waitingFor({ ...row, tried: null }, { correction: false, consent: false });
}

/**
 * The server does not take what `act` carried, or there is nothing to send: it is not tried again. What was said anew
 * meanwhile goes on waiting.
 */
export function refused(row: PhotoRow, act: Act, why: Omit<Problem, "of">): PhotoRow {
  if (row.state === "withdrawn" && act.kind !== "withdrawal") return row;
  const problem = { of: act.kind, ...why };
  if (act.kind === "submission") return waitingFor({ ...row, problem, tried: null }, NOTHING);
  return isSaidAnew(row, act) ? settled(row) : waitingFor({ ...row, problem }, { [act.kind]: false });
}

function isSaidAnew(row: PhotoRow, act: Act): boolean {
  if (row.state === "withdrawn") return false;
  if (act.kind === "correction") return !isSame(said(row), act.content);
  return act.kind === "consent" && !isSame(consentOf(row), act.content);
}

/** What was on its way, and is not any more, waits. */
export function settled(row: PhotoRow): PhotoRow {
  return waitingFor(row, {});
}

/** Whether the server has it, or may have it: an answer can get lost. */
function mayBeThere(row: PhotoRow): boolean {
  return row.fate !== null || row.tried !== null;
}

function checkNotWithdrawn(row: PhotoRow): void {
  if (row.state === "withdrawn") throw new ContributionError("withdrawn", "This photo was withdrawn.");
}

function waitingFor(row: PhotoRow, changes: Partial<Waiting>): PhotoRow {
  const changed = { ...row, waiting: { ...row.waiting, ...changes } };
  return { ...changed, state: stateOf(changed) };
}

function stateOf(row: PhotoRow): PhotoRow["state"] {
  if (row.state === "withdrawn") return "withdrawn";
  if (Object.values(row.waiting).includes(true)) return "waiting";
  if (row.problem?.of === "submission") return "refused";
  return row.fate === null ? "only_here" : "sent";
}

function consentOf({ choice }: PhotoRow): Consent {
  return { allow_review: choice.allowsReview, allow_training: choice.allowsTraining };
}

function submissionOf(row: PhotoRow): string {
  const { answer, choice } = row;
  const opinion = said(row);
  const submission: Submission = {
    prediction: { label: answer.label, scores: answer.scores, release: answer.release },
    correction: opinion?.label ?? null,
    correction_reason: opinion?.reason ?? null,
    captured_on: dayOf(row.takenAt),
    place: choice.place,
    location:
      choice.location === null || choice.precision === "none"
        ? null
        : { ...choice.location, precision: choice.precision },
    note: row.note,
    ...consentOf(row),
  };
  return JSON.stringify(submission);
}

/** The day as the resident's calendar has it. */
function dayOf(moment: number): string {
  const date = new Date(moment);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
