import { type ChannelPointer, type DownloadConditions, inCohort } from "../updates/channel_pointer.ts";
import { checkFits } from "../updates/fitness.ts";
import { downloadModel, removeDownloads } from "../updates/model_download.ts";
import type { Offer } from "../updates/offer.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import type { OnProgress } from "../updates/target_download.ts";
import type { UpdateSource } from "../updates/update_source.ts";
import { look, pointerSeenLast } from "../updates/updater.ts";
import type { Usage } from "../usage/usage.ts";
import { APP_VERSION } from "./app_version.ts";
import type { ActiveModel, ModelStore } from "./model_store.ts";

/** What following a channel works with. */
export interface Following {
  readonly source: UpdateSource;
  readonly channel: string;
  /** Whose guide is brought along; null: none. */
  readonly city: string | null;
  /** Decides on which side of a rollout this phone is. */
  readonly cohortId: string;
  readonly store: ModelStore;
  readonly usage: Usage;
  readonly runtimeVersion: string;
  readonly allows: (conditions: DownloadConditions) => boolean;
  readonly onProgress: OnProgress;
}

export interface Followed {
  readonly state: "up_to_date" | "updated" | "returned_to_bundled" | "postponed";
  /** The model to use from now on. */
  readonly model: ActiveModel;
}

/**
 * Brings the release that the channel gives to this phone, tests it and makes it the active one; `running` is in use.
 *
 * Guarantees: rejects with `UpdateRefused`, and then `running` is still the active one. What is refused, and why, is
 * counted; a network that is down is nobody's fault and is not.
 */
export async function follow(parts: Following, running: ActiveModel): Promise<Followed> {
  const { store, usage } = parts;
  const offer = await lookAndCount(parts, running);
  if (offer === null || offer.digest === (await store.bundled()).digest) return returnToBundled(parts, running);
  if (!running.isBundled && offer.digest === running.digest) {
    await removeDownloads(parts.source);
    return { state: "up_to_date", model: running };
  }
  try {
    return await take(parts, offer, running);
  } catch (error) {
    const isCounted = error instanceof UpdateRefused && error.reason !== "unreachable";
    if (isCounted) await usage.refused(offer.manifest.version, error.reason);
    throw error;
  }
}

async function lookAndCount(parts: Following, running: ActiveModel): Promise<Offer | null> {
  try {
    return await lookNow(parts);
  } catch (error) {
    if (error instanceof UpdateRefused && error.reason !== "unreachable") {
      await parts.usage.lookRefused(running.manifest.version, error.reason);
    }
    throw error;
  }
}

async function lookNow({ source, channel, city, cohortId, store, usage }: Following): Promise<Offer | null> {
  const models = await (await store.knownModels()).digests();
  const offer = await look(source, channel, cohortId, models, city);
  const pointer = await pointerSeenLast(source);
  if (pointer !== null) await usage.saw(await candidateFor(pointer, cohortId), pointer.return_to_bundled);
  return offer;
}

/** The release in whose cohort this phone is; null: in none. */
async function candidateFor({ candidate }: ChannelPointer, deviceId: string): Promise<number | null> {
  if (candidate === null) return null;
  const { version, salt, rollout_percent } = candidate;
  return (await inCohort(deviceId, salt, rollout_percent)) ? version : null;
}

async function take(parts: Following, offer: Offer, running: ActiveModel): Promise<Followed> {
  const { source, store, usage, allows, onProgress, runtimeVersion } = parts;
  await store.checkNotRefused(offer.digest);
  checkFits(offer, (await store.bundled()).manifest, runtimeVersion, APP_VERSION);
  if (!(await store.has(offer.digest)) && !allows(offer.conditions)) return { state: "postponed", model: running };
  const model = await store.prepare(offer.digest, offer.manifestContent, async () => {
    const { content, patchProblem } = await downloadModel(source, offer, await store.knownModels(), onProgress);
    if (patchProblem !== null) await usage.refused(offer.manifest.version, "patch_failed");
    return content;
  });
  await activated(store, model);
  await removeDownloads(source);
  return { state: "updated", model };
}

async function returnToBundled({ source, store }: Following, running: ActiveModel): Promise<Followed> {
  await removeDownloads(source);
  if (running.isBundled) return { state: "up_to_date", model: running };
  const model = await store.openBundled();
  await activated(store, model);
  return { state: "returned_to_bundled", model };
}

/** Makes an open model the active one; where that fails it does not stay in memory. */
async function activated(store: ModelStore, model: ActiveModel): Promise<void> {
  try {
    await store.activate(model);
  } catch (error) {
    model.classifier.close();
    throw error;
  }
}
