import { Classifier } from "../model/classifier.worker.ts";
import { runtimeVersion } from "../model/litert.worker.ts";
import { installation, newestInstallation } from "../server/installation.ts";
import { folder } from "../storage/files.worker.ts";
import type { Installation } from "../storage/tables.ts";
import { KnownTime } from "../updates/known_time.ts";
import { memoryFiles } from "../updates/memory_files.ts";
import { indexedMetadata } from "../updates/metadata_store.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import type { OnProgress } from "../updates/target_download.ts";
import type { PartialFiles } from "../updates/update_source.ts";
import { phoneModel } from "../usage/phone_model.ts";
import { type Usage, usageOf } from "../usage/usage.ts";
import { APP_VERSION } from "./app_version.ts";
import { fetchBundled } from "./bundled_release.ts";
import { LoadWatch } from "./load_watch.ts";
import { ModelStore } from "./model_store.ts";
import { type Release, ReleaseFiles } from "./release_files.ts";

/** What a phone is made of. */
export interface PhoneParts {
  readonly installation: Installation;
  readonly usage: Usage;
  readonly store: ModelStore;
  readonly downloads: PartialFiles;
}

const MODELS_LOCK = "models";
const LONG_AGO = new Date(0);

/** Rejects with `ServerUnreachable` where nothing is known of the installation yet and nobody answers. */
export async function phoneParts(tab: string, onProgress: OnProgress): Promise<PhoneParts> {
  const known = await installation();
  const { models, downloads, bundledDownloads } = await places();
  const files = new ReleaseFiles(models);
  const usage = usageOf({
    now: () => new KnownTime(indexedMetadata, () => new Date(), LONG_AGO).now(0),
    channel: known.channel,
    bundledVersion: known.bundled.version,
    kind: { model: await phoneModel(), appVersion: APP_VERSION, runtimeVersion },
  });
  const store = new ModelStore({
    files,
    watch: new LoadWatch(tab),
    usage,
    runtimeVersion,
    open: (model, manifest, accelerator) => Classifier.openTested(model, manifest, accelerator),
    fetchBundled: async () => {
      const { bundled } = await newestInstallation(); // The server has only the one that comes with the app today.
      const here = await files.read(bundled.manifestSha256);
      return here ?? broughtAnyhow((place) => fetchBundled(bundled, place, onProgress), bundledDownloads);
    },
    exclusively: async (work) => await navigator.locks.request(MODELS_LOCK, work),
  });
  return { installation: known, usage, store, downloads };
}

/** On a full phone the app answers as long as its tab lives. */
async function broughtAnyhow(bring: (place: PartialFiles) => Promise<Release>, place: PartialFiles): Promise<Release> {
  try {
    return await bring(place);
  } catch (error) {
    if (error instanceof UpdateRefused && error.reason === "disk_full") return bring(memoryFiles());
    throw error;
  }
}

interface Places {
  readonly models: PartialFiles;
  readonly downloads: PartialFiles;
  /** Apart from updates, which remove each other's downloads. */
  readonly bundledDownloads: PartialFiles;
}

/** Some browsers keep no files in private windows: there the phone answers as long as the tab lives. */
async function places(): Promise<Places> {
  try {
    await navigator.storage.getDirectory();
    return { models: folder("models"), downloads: folder("downloads"), bundledDownloads: folder("bundled_downloads") };
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return { models: memoryFiles(), downloads: memoryFiles(), bundledDownloads: memoryFiles() };
  }
}
