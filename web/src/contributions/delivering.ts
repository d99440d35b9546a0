import type { Server } from "../server/client.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import type { Fate, PhotoRow } from "../storage/tables.ts";
import * as ownPhotos from "./own_photos.ts";
import { type Act, begun, type Kept, neverArrived, nextAct, refused, taken } from "./rules.ts";

const NOT_FOUND = 404;
/** After this a submission that was begun is at the server or will never be. */
const TRY_IS_OVER_MILLISECONDS = 600_000;

/** Too early to be sure of this photo; it says nothing of the others. */
export class StillOnItsWay extends ServerUnreachable {}

/**
 * Sends the next part of a photo, and returns whether the server has taken it; what it refuses is noted with the reason.
 * Rejects with `ServerUnreachable`, and with `ServerRefused` if the server does not know this phone.
 */
export async function sendPart(to: Server, id: string): Promise<boolean> {
  const kept = await ownPhotos.changeRow(id, (row) => begun(row, Date.now()));
  const act = kept ? nextAct(kept.row) : null;
  if (!kept || act === null) return false; // Another tab has forgotten it meanwhile.
  const photo = act.kind === "submission" ? await readable(kept.pictures.photo) : null;
  if (act.kind === "submission" && photo === null) {
    const detail = "The photo is no longer on this phone.";
    await ownPhotos.changeRow(id, (row) => refused(row, act, { status: null, code: "photo_lost", detail }));
    return false;
  }
  try {
    const fate = await deliver(to, id, act, photo);
    await ownPhotos.change(id, (now) => taken(now, act, fate));
    return true;
  } catch (error) {
    if (!(error instanceof ServerRefused) || error.isForgotten) throw error;
    const isUnknown = error.status === NOT_FOUND && act.kind !== "submission";
    if (isUnknown) checkTryIsOver(kept.row);
    await ownPhotos.change(id, (now) => (isUnknown ? unknown(now, act, error) : noted(now, act, error)));
    return isUnknown && act.kind === "withdrawal";
  }
}

function deliver(to: Server, id: string, act: Act, photo: Blob | null): Promise<Fate> {
  switch (act.kind) {
    case "withdrawal":
      return to.withdraw(id);
    case "submission":
      return to.submit(id, photo ?? new Blob(), act.content);
    case "correction":
      return to.correct(id, act.content);
    case "consent":
      return to.changeConsent(id, act.content);
  }
}

/** The photo in memory; null where it is not there any more, which a browser finds out only while it reads. */
async function readable(photo: Blob | null): Promise<Blob | null> {
  try {
    return photo && new Blob([await photo.arrayBuffer()], { type: photo.type });
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** An earlier try, given up here, may still arrive: until it is over, "not found" says nothing. */
function checkTryIsOver({ tried }: PhotoRow): void {
  if (tried !== null && Math.abs(Date.now() - tried.at) < TRY_IS_OVER_MILLISECONDS) {
    throw new StillOnItsWay("An earlier try may still arrive.");
  }
}

/** The server has no such photo, which is as good as withdrawn; one that waits is sent as what was said last. */
function unknown(kept: Kept, act: Act, error: ServerRefused): Kept | null {
  if (act.kind === "withdrawal") return null;
  return kept.row.waiting.submission ? { ...kept, row: neverArrived(kept.row) } : noted(kept, act, error);
}

function noted(kept: Kept, act: Act, { status, code, detail }: ServerRefused): Kept {
  return { ...kept, row: refused(kept.row, act, { status, code, detail }) };
}
