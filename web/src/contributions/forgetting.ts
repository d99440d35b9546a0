import { server } from "../server/client.ts";
import { ServerRefused } from "../server/outcomes.ts";
import { change, erase, read } from "../storage/database.ts";
import * as ownPhotos from "./own_photos.ts";

/** Erases here what is known of this phone's photos, and notes that the server has to be told to do the same. */
export async function forgetEverything(): Promise<void> {
  await change("forgetting", () => true); // First, so that no end of the app leaves the server without word.
  await ownPhotos.clear();
  await erase("usage", "cohortId");
}

/** Tells the server, where it has still to be told. Rejects like the calls of `Server`. */
export async function tellToForget(): Promise<void> {
  if ((await read("forgetting")) !== true) return;
  const known = await read("registration");
  if (known !== undefined) await forgetThere(known);
  await erase("registration", "pause", "forgetting");
}

async function forgetThere(known: Parameters<typeof server>[0]): Promise<void> {
  try {
    await server(known).forgetMe();
  } catch (error) {
    if (!(error instanceof ServerRefused && error.isForgotten)) throw error; // Forgotten already is as good.
  }
}
