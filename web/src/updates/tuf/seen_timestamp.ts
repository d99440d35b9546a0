import { sha256Hex } from "../digests.ts";
import { DocumentProblem, exactly, parse, type Read, text } from "../document_reader.ts";
import type { MetadataStore } from "../metadata_store.ts";
import { sha256 } from "../published_formats.ts";

const FILE = "timestamp.tag";

const tag = exactly({ etag: text(1, 1000), timestamp: sha256 });

/**
 * The tag under which the kept timestamp was sent, so that an unchanged one is not sent again: a 304 stands for the
 * very bytes that this phone has verified and kept. Null where there is none, or it is of other bytes.
 */
export async function tagOf(kept: Uint8Array<ArrayBuffer>, store: MetadataStore): Promise<string | null> {
  const seen = await read(store);
  return seen !== null && seen.timestamp === (await sha256Hex(kept)) ? seen.etag : null;
}

/** Remembers the tag of a timestamp that was verified just now. */
export async function keepTag(etag: string, kept: Uint8Array<ArrayBuffer>, store: MetadataStore): Promise<void> {
  const [before, timestamp] = [await read(store), await sha256Hex(kept)];
  if (before?.etag === etag && before.timestamp === timestamp) return;
  await store.write(FILE, new TextEncoder().encode(JSON.stringify({ etag, timestamp })));
}

async function read(store: MetadataStore): Promise<Read<typeof tag> | null> {
  const content = await store.read(FILE);
  try {
    return content === null ? null : parse(content, tag);
  } catch (error) {
    if (error instanceof DocumentProblem) return null;
    throw error;
  }
}
