import { type Server, server } from "../server/client.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import { read } from "../storage/database.ts";
import { settings } from "../storage/settings.ts";
import * as ownPhotos from "./own_photos.ts";
import type { Kept } from "./rules.ts";
import { type ZipFile, zip } from "./zip.ts";

/**
 * All that this phone and the server hold about the resident, as one ZIP archive: `wastelens.json` and the photos. If the
 * server cannot be reached, it holds what is here, and `server_answered` in it says so.
 */
export async function exportAll(): Promise<Blob> {
  const madeAt = new Date();
  const photos = await ownPhotos.all();
  const there = await askServer(photos);
  const files = photos.flatMap((kept) => filesOf(kept, there.photos.get(kept.row.id)));
  const data = {
    made_at: madeAt.toISOString(),
    on_this_phone: {
      settings: await settings(),
      photos: photos.map(({ row }) => row),
      counts: (await read("usage")) ?? null,
      device_id: (await read("registration"))?.deviceId ?? null, // Its token is a key, and stays here.
    },
    server_answered: there.hasAnswered,
    on_the_server: there.everything,
  };
  const about = new Blob([JSON.stringify(data, null, 2)], { type: "application/json" });
  return zip([{ name: "wastelens.json", content: about, changedAt: madeAt }, ...files]);
}

interface There {
  readonly hasAnswered: boolean;
  readonly everything: object | null;
  /** Those that are no longer here, by id. */
  readonly photos: ReadonlyMap<string, Blob>;
}

async function askServer(kept: readonly Kept[]): Promise<There> {
  const photos = new Map<string, Blob>();
  const known = await read("registration");
  if (known === undefined) return { hasAnswered: true, everything: null, photos }; // Nothing was ever sent.
  const to = server(known);
  let everything: object | null = null;
  try {
    everything = await to.everything();
    for (const { row, pictures } of kept) {
      const photo = row.fate !== null && pictures.photo === null ? await photoOf(to, row.id) : null;
      if (photo !== null) photos.set(row.id, photo);
    }
    return { hasAnswered: true, everything, photos };
  } catch (error) {
    if (error instanceof ServerUnreachable) return { hasAnswered: false, everything, photos };
    if (error instanceof ServerRefused && error.isForgotten) return { hasAnswered: true, everything, photos };
    throw error;
  }
}

/** Null where the server has none (any more). */
async function photoOf(to: Server, id: string): Promise<Blob | null> {
  try {
    return await to.photo(id);
  } catch (error) {
    if (error instanceof ServerRefused && !error.isForgotten) return null;
    throw error;
  }
}

function filesOf({ row, pictures }: Kept, there: Blob | undefined): ZipFile[] {
  const changedAt = new Date(row.takenAt);
  const photo = pictures.photo ?? there;
  if (photo !== undefined) return [{ name: `photos/${row.id}.jpg`, content: photo, changedAt }];
  if (pictures.thumbnail === null) return [];
  return [{ name: `thumbnails/${row.id}.jpg`, content: pictures.thumbnail, changedAt }];
}
