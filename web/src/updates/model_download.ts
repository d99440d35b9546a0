import { guarded } from "./guarded_storage.ts";
import type { Downloaded, ModelPatch, Offer } from "./offer.ts";
import { applyPatch, PatchProblem } from "./patches.ts";
import { UpdateRefused } from "./refusals.ts";
import {
  checkRoom,
  digestOf,
  download,
  isIntact,
  missingBytes,
  type OnProgress,
  targetUrl,
} from "./target_download.ts";
import type { TargetFile } from "./tuf/roles.ts";
import { targetsUrl } from "./update_addresses.ts";
import type { KnownModels, PartialFiles, UpdateSource } from "./update_source.ts";

/**
 * Brings the offered model here, by the patch from one of `models` where that moves fewer bytes; whatever is wrong with
 * a patch, the whole model is downloaded instead. What came of other offers is removed.
 *
 * What has come stays in `files` until `removeDownloads`, so that a phone that is killed before it has installed the
 * model need not begin again. Rejects with `UpdateRefused` as `download` does.
 */
export async function downloadModel(
  source: UpdateSource,
  offer: Offer,
  models: KnownModels,
  onProgress: OnProgress,
): Promise<Downloaded> {
  const safe = guarded(source);
  await removeOthers(offer, safe.files);
  const patch = await smallestPatch(offer, safe.files, await models.digests());
  if (patch === null) return { content: await fetchTarget(safe, offer.model, onProgress), patchProblem: null };
  try {
    const old = await models.read(patch.old);
    return { content: await patched(safe, offer, patch, old, onProgress), patchProblem: null };
  } catch (error) {
    const isOfThePatch =
      error instanceof UpdateRefused && (error.reason === "not_published" || error.reason === "tampered_file");
    if (!isOfThePatch) throw error; // The whole model would come no further.
    return { content: await fetchTarget(safe, offer.model, onProgress), patchProblem: error.detail };
  }
}

/** Removes all that has come, once the model is installed or is never to be. */
export async function removeDownloads(source: UpdateSource): Promise<void> {
  const { files } = guarded(source);
  for (const name of await files.names()) await files.remove(name);
}

async function removeOthers(offer: Offer, files: PartialFiles): Promise<void> {
  const wanted = new Set([offer.model, ...offer.patches.map((patch) => patch.target)].map(digestOf));
  for (const name of await files.names()) {
    if (!wanted.has(name)) await files.remove(name);
  }
}

/** The patch that leaves least to download; null where the whole model leaves no more. */
async function smallestPatch(offer: Offer, files: PartialFiles, known: readonly string[]): Promise<ModelPatch | null> {
  let best: ModelPatch | null = null;
  let least = await missingBytes(files, offer.model);
  for (const patch of offer.patches.filter((each) => known.includes(each.old))) {
    const missing = await missingBytes(files, patch.target);
    if (missing < least) [best, least] = [patch, missing];
  }
  return best;
}

/** Rejects with `UpdateRefused` (`tampered_file`) if the patch does not make the signed model out of `old`. */
async function patched(
  source: UpdateSource,
  offer: Offer,
  patch: ModelPatch,
  old: Uint8Array<ArrayBuffer>,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const content = await fetchTarget(source, patch.target, onProgress);
  await checkRoom(source.files, offer.model.length);
  try {
    const made = await applyPatch(old, content, offer.model.length);
    if (await isIntact(made, offer.model)) return made;
    throw new PatchProblem("it makes another model than the one signed");
  } catch (error) {
    if (!(error instanceof PatchProblem)) throw error;
    await source.files.remove(digestOf(patch.target));
    throw new UpdateRefused("tampered_file", `${patch.target.path}: ${error.message}`, { cause: error });
  }
}

function fetchTarget(
  source: UpdateSource,
  target: TargetFile,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  return download(source, targetUrl(targetsUrl(source), target), target, onProgress);
}
