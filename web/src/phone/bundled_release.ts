import type { Installation } from "../storage/tables.ts";
import { DocumentProblem } from "../updates/document_reader.ts";
import { guardedFiles } from "../updates/guarded_storage.ts";
import { readManifest } from "../updates/manifest.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import { download, type OnProgress } from "../updates/target_download.ts";
import type { PartialFiles } from "../updates/update_source.ts";
import type { Release } from "./release_files.ts";

type Bundled = Installation["bundled"];

/**
 * Brings the release that comes with the app from the server of the app, and goes on where it was cut. It has the
 * digests that the server names; nobody else signs it, as nobody signs the app itself. In `place` nothing else is kept.
 * Rejects with `UpdateRefused`.
 */
export async function fetchBundled(bundled: Bundled, place: PartialFiles, onProgress: OnProgress): Promise<Release> {
  const files = guardedFiles(place);
  const { manifestUrl, manifestSha256, manifestBytes, modelUrl, modelSha256, modelBytes } = bundled;
  for (const name of await files.names()) {
    if (name !== manifestSha256 && name !== modelSha256) await files.remove(name); // Begun when another one came.
  }
  const manifestContent = await bring(manifestUrl, manifestSha256, manifestBytes);
  const model = await bring(modelUrl, modelSha256, modelBytes, onProgress);
  for (const name of [manifestSha256, modelSha256]) await files.remove(name);
  try {
    return { digest: manifestSha256, manifestContent, manifest: readManifest(manifestContent), model };
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    throw new UpdateRefused("app_too_old", `the release that comes with the app: ${error.message}`, { cause: error });
  }

  function bring(url: string, sha256: string, length: number, report?: OnProgress) {
    const target = { path: url, length, hashes: { sha256 } };
    return download({ fetch: fetch.bind(globalThis), files }, new URL(url, location.origin).href, target, report);
  }
}
