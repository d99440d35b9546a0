import type { Guide } from "../guide/guide.ts";
import { type ChannelPointer, choose, readPointer } from "./channel_pointer.ts";
import { GUIDE_LIMIT_BYTES, guidePath, readGuideOf } from "./city_guide.ts";
import { sha256Hex } from "./digests.ts";
import { DocumentProblem } from "./document_reader.ts";
import { guarded } from "./guarded_storage.ts";
import { KnownTime } from "./known_time.ts";
import { readManifest } from "./manifest.ts";
import { memoryFiles } from "./memory_files.ts";
import type { ModelPatch, Offer } from "./offer.ts";
import { patchPath } from "./patches.ts";
import { UpdateRefused } from "./refusals.ts";
import { download, isIntact, targetUrl } from "./target_download.ts";
import { type MetadataClient, refreshed } from "./tuf/metadata_client.ts";
import type { TargetFile } from "./tuf/roles.ts";
import { metadataUrl, targetsUrl } from "./update_addresses.ts";
import type { UpdateSource } from "./update_source.ts";

const DOCUMENT_LIMIT_BYTES = 1024 * 1024;
const POINTER = "documents/pointer";
const MANIFEST = "documents/manifest";

/**
 * The release that `channel` gives to this device; null for the one that came with the app. `knownModels` are the
 * digests of the model files that the phone has; of `city` the guide is brought along.
 *
 * Guarantees: all metadata is verified in TUF's order before anything in it is believed; an offered model is one that
 * `targets` signed, whatever `channels` says. Rejects with `UpdateRefused`, and nothing that is installed is touched.
 */
export async function look(
  source: UpdateSource,
  channel: string,
  deviceId: string,
  knownModels: readonly string[],
  city: string | null,
): Promise<Offer | null> {
  const safe = guarded(source);
  return safe.store.exclusively(async () => {
    const client = await refreshed({
      ...safe,
      url: metadataUrl(source),
      knownTime: new KnownTime(safe.store, source.clock, source.bundledAt),
    });
    if (city !== null) await followGuide(safe, client, city);
    const pointer = understood(readPointer, await document(safe, client, `channels/${channel}.json`, POINTER));
    const version = await choose(pointer, deviceId);
    return version === null ? null : offerOf(safe, client, pointer, version, knownModels);
  });
}

/** What the channel said when it was last verified; null where this phone has never seen it, or cannot read it. */
export async function pointerSeenLast(source: UpdateSource): Promise<ChannelPointer | null> {
  const content = await guarded(source).store.read(POINTER);
  return content === null ? null : readable(() => readPointer(content));
}

/** The guide of `city` that came last; null where this phone has never had one, or cannot read it. */
export async function readGuide(source: UpdateSource, city: string): Promise<Guide | null> {
  const content = await guarded(source).store.read(guideFile(city));
  return content === null ? null : readable(() => readGuideOf(city, content));
}

async function offerOf(
  source: UpdateSource,
  client: MetadataClient,
  pointer: ChannelPointer,
  version: number,
  knownModels: readonly string[],
): Promise<Offer> {
  const manifestContent = await document(source, client, `models/${version}/manifest.json`, MANIFEST);
  const manifest = understood(readManifest, manifestContent);
  const model = await client.target(`models/${version}/model.tflite`);
  if (model === null) throw new UpdateRefused("not_published", `release ${version} has no model`);
  const { sha256, size_bytes } = manifest.model;
  if (manifest.version !== version || sha256 !== model.hashes["sha256"] || size_bytes !== model.length) {
    throw new UpdateRefused("tampered_metadata", `the manifest of release ${version} names another model`);
  }
  return {
    manifest,
    manifestContent,
    digest: await sha256Hex(manifestContent),
    model,
    conditions: pointer.candidate?.version === version ? pointer.candidate.conditions : pointer.conditions,
    patches: await patchesTo(client, sha256, knownModels),
  };
}

async function patchesTo(
  client: MetadataClient,
  wanted: string,
  knownModels: readonly string[],
): Promise<readonly ModelPatch[]> {
  const found: ModelPatch[] = [];
  for (const old of knownModels.filter((each) => each !== wanted)) {
    const target = await client.target(patchPath(old, wanted));
    if (target !== null) found.push({ old, target });
  }
  return found;
}

/** A guide that cannot be had holds up no model: the one of before answers until the next look. */
async function followGuide(source: UpdateSource, client: MetadataClient, city: string): Promise<void> {
  const target = await client.target(guidePath(city));
  if (target === null || target.length > GUIDE_LIMIT_BYTES) return;
  try {
    const kept = await source.store.read(guideFile(city));
    if (kept !== null && (await isIntact(kept, target))) return;
    const content = await fetchDocument(source, target);
    understood((bytes) => readGuideOf(city, bytes), content);
    await source.store.write(guideFile(city), content);
  } catch (error) {
    if (!(error instanceof UpdateRefused)) throw error;
  }
}

/** A signed document, fetched unless the one kept under `file` is it. */
async function document(
  source: UpdateSource,
  client: MetadataClient,
  path: string,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const target = await client.target(path);
  if (target === null) throw new UpdateRefused("not_published", `there is no ${path}`);
  if (target.length > DOCUMENT_LIMIT_BYTES) {
    throw new UpdateRefused("app_too_old", `${path} has ${target.length} bytes`);
  }
  const kept = await source.store.read(file);
  if (kept !== null && (await isIntact(kept, target))) return kept;
  const content = await fetchDocument(source, target);
  await source.store.write(file, content);
  return content;
}

function fetchDocument(source: UpdateSource, target: TargetFile): Promise<Uint8Array<ArrayBuffer>> {
  return download({ fetch: source.fetch, files: memoryFiles() }, targetUrl(targetsUrl(source), target), target);
}

function guideFile(city: string): string {
  return `documents/guides/${city}`;
}

/** Reads what was signed; what cannot be read was made for a later version of the app. */
function understood<Value>(read: (content: Uint8Array) => Value, content: Uint8Array): Value {
  try {
    return read(content);
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    throw new UpdateRefused("app_too_old", `a signed document cannot be read: ${error.message}`, { cause: error });
  }
}

function readable<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DocumentProblem) return null;
    throw error;
  }
}
