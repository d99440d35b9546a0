import type { Guide } from "../guide/guide.ts";
import { runtimeVersion } from "../model/litert.worker.ts";
import { Turns } from "../model/turns.ts";
import { server } from "../server/client.ts";
import { newestInstallation, trustedRoot } from "../server/installation.ts";
import { ServerRefused, ServerUnreachable } from "../server/outcomes.ts";
import { registration } from "../server/registration.ts";
import { settings } from "../storage/settings.ts";
import type { Answer } from "../storage/tables.ts";
import type { DownloadConditions } from "../updates/channel_pointer.ts";
import { indexedMetadata } from "../updates/metadata_store.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import type { UpdateSource } from "../updates/update_source.ts";
import { readGuide } from "../updates/updater.ts";
import { sendReports } from "../usage/reports.ts";
import { waiting } from "../usage/usage.ts";
import { tryWebGpu } from "./acceleration.ts";
import { cohortId } from "./cohort.ts";
import { allows } from "./conditions.ts";
import { follow, type Followed } from "./follow_updates.ts";
import type { Calls } from "./messages.ts";
import type { ActiveModel } from "./model_store.ts";
import type { PhoneEvent, RunningModel, Surroundings, UpdateOutcome } from "./phone.ts";
import { type PhoneParts, phoneParts } from "./phone_parts.worker.ts";

/** What the workers of several tabs tell each other. */
type Told = PhoneEvent | { readonly kind: "swapped" };

const UPDATE_LOCK = "update";
const LONG_AGO = new Date(0);
const NO_CONDITIONS = { unmetered_only: false, charging_only: false, idle_only: false };

/**
 * The phone in the worker of one tab. All tabs share what is installed: one of them at a time follows updates, and what
 * it brings is used by the others at once.
 */
export class DevicePhone implements Calls {
  private readonly left: readonly string[];
  private readonly emit: (event: PhoneEvent) => void;
  private readonly others = new BroadcastChannel("phone");
  private readonly parts: () => Promise<PhoneParts>;
  private readonly opened: () => Promise<Opened>;
  /** One change of the model at a time, so that none is opened twice and the last one is the newest. */
  private readonly swaps = new Turns();

  /** `left`: tabs that their resident has left. `emit` gets what happens here and in other tabs. */
  constructor(tab: string, left: readonly string[], emit: (event: PhoneEvent) => void) {
    this.left = left;
    this.emit = emit;
    this.parts = onceDone(() => phoneParts(tab, this.tellProgress));
    this.opened = onceDone(() => this.openBest());
    this.others.onmessage = ({ data }: MessageEvent<Told>) => {
      if (data.kind !== "swapped") emit(data);
      else void this.opened().then((phone) => this.swaps.take(() => this.catchUp(phone)));
    };
  }

  async open(): Promise<RunningModel> {
    return described((await this.opened()).model);
  }

  async classify(photo: Blob): Promise<Answer> {
    const { model, parts } = await this.opened();
    const started = performance.now();
    const said = await parts.store.classify(model, photo);
    const milliseconds = performance.now() - started;
    const release = model.manifest.version;
    await parts.usage.answered(release, milliseconds);
    return { ...said, release, milliseconds };
  }

  async update(surroundings: Surroundings): Promise<UpdateOutcome> {
    const phone = await this.opened();
    return navigator.locks.request(UPDATE_LOCK, async () => {
      await this.swaps.take(() => this.catchUp(phone));
      try {
        const { state } = await this.swaps.take(() => this.follow(phone, surroundings));
        return { state, release: phone.model.manifest.version };
      } catch (error) {
        if (!(error instanceof UpdateRefused)) throw error;
        const { reason, detail } = error;
        return { state: "refused", reason, detail, release: phone.model.manifest.version };
      } finally {
        await report(phone); // Also of what was refused: from that the city learns that a release does not work.
        await this.tellGuide(phone);
      }
    });
  }

  /** Also where no model runs. */
  async guide(): Promise<Guide | null> {
    const parts = await this.parts();
    const { city } = parts.installation;
    return city === null ? null : readGuide(await sourceOf(parts, LONG_AGO), city);
  }

  private async openBest(): Promise<Opened> {
    const parts = await this.parts();
    const model = await parts.store.openBest(this.left);
    const source = await sourceOf(parts, new Date((await parts.store.bundled()).manifest.created_at));
    this.emit({ kind: "model", model: described(model) });
    void tryWebGpu(parts.store, model);
    return { parts, source, model, guideVersion: 0 };
  }

  private async follow(phone: Opened, surroundings: Surroundings): Promise<Followed> {
    const { parts, source } = phone;
    const { updatesOnUnmeteredOnly } = await settings();
    const following = {
      ...parts,
      runtimeVersion,
      channel: parts.installation.channel,
      city: parts.installation.city,
      cohortId: await cohortId(),
      allows: (conditions: DownloadConditions) => allows(conditions, surroundings, updatesOnUnmeteredOnly),
      onProgress: this.tellProgress,
    };
    const followed = await followedFrom(source.updatesUrl, (updatesUrl) =>
      follow({ ...following, source: { ...source, updatesUrl } }, phone.model),
    );
    this.use(phone, followed.model);
    if (allows(NO_CONDITIONS, surroundings, updatesOnUnmeteredOnly)) await this.renewBundled(phone);
    return followed;
  }

  /** The app may come with another release by now. */
  private async renewBundled(phone: Opened): Promise<void> {
    const { store } = phone.parts;
    const { bundled } = await reached(newestInstallation(), phone.parts.installation);
    if (bundled.manifestSha256 === (await store.installed()).bundled) return;
    await store.renewBundled();
    await this.catchUp(phone);
  }

  /** Uses what another tab has installed. */
  private async catchUp(phone: Opened): Promise<void> {
    const { active, bundled } = await phone.parts.store.installed();
    const { digest, isBundled } = phone.model;
    if (digest === (active ?? bundled ?? digest) && isBundled === (active === null)) return;
    this.use(phone, await phone.parts.store.openBest([]));
  }

  private use(phone: Opened, model: ActiveModel): void {
    if (model === phone.model) return;
    phone.model.classifier.close();
    phone.model = model;
    this.emit({ kind: "model", model: described(model) });
    this.others.postMessage({ kind: "swapped" } satisfies Told);
    void tryWebGpu(phone.parts.store, model);
  }

  private async tellGuide(phone: Opened): Promise<void> {
    const guide = await this.guide();
    if (guide === null || guide.version === phone.guideVersion) return;
    phone.guideVersion = guide.version;
    this.tell({ kind: "guide", guide });
  }

  private readonly tellProgress = (receivedBytes: number, totalBytes: number) => {
    this.tell({ kind: "download", receivedBytes, totalBytes });
  };

  private tell(event: PhoneEvent): void {
    this.emit(event);
    this.others.postMessage(event satisfies Told);
  }
}

/** A phone that answers. */
interface Opened {
  readonly parts: PhoneParts;
  readonly source: UpdateSource;
  model: ActiveModel;
  guideVersion: number;
}

/** The same promise for all who ask, until it is rejected: asked again, there may be a network. */
function onceDone<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let begun: Promise<Result> | null = null;
  return () => {
    begun ??= work().catch((error: unknown) => {
      begun = null;
      throw error;
    });
    return begun;
  };
}

/**
 * Follows what lies at `updatesUrl`, else what the server of the app has, which is the same: where the address that the
 * city names does not answer, has moved, or is not yet one that the policy of this version of the app allows.
 */
async function followedFrom(updatesUrl: string, from: (address: string) => Promise<Followed>): Promise<Followed> {
  const own = new URL("/updates", location.origin).href;
  try {
    return await from(updatesUrl);
  } catch (error) {
    const isReached = !(error instanceof UpdateRefused) || error.reason !== "unreachable";
    if (isReached || updatesUrl === own) throw error;
    return from(own);
  }
}

async function sourceOf({ installation, downloads }: PhoneParts, bundledAt: Date): Promise<UpdateSource> {
  return {
    updatesUrl: new URL(installation.updatesUrl, location.origin).href,
    trustedRoot: await trustedRoot(),
    store: indexedMetadata,
    files: downloads,
    fetch: fetch.bind(globalThis),
    clock: () => new Date(),
    bundledAt,
  };
}

/**
 * Uses the contact for the reports that are due; they wait for the next one if the server takes none. The server hears of
 * this phone no sooner than it has something to tell, and its resident was told so.
 */
async function report({ parts, model }: Opened): Promise<void> {
  if (!(await settings()).isWelcomed) return;
  await parts.usage.closeDays(model.manifest.version);
  if ((await waiting()).length === 0) return;
  await reached(
    registration().then((known) => sendReports(server(known))),
    undefined,
  );
}

/** What the server says; `otherwise` where it says nothing. */
async function reached<Said>(said: Promise<Said>, otherwise: Said): Promise<Said> {
  try {
    return await said;
  } catch (error) {
    if (error instanceof ServerUnreachable || error instanceof ServerRefused) return otherwise;
    throw error;
  }
}

function described({ manifest, isBundled, classifier }: ActiveModel): RunningModel {
  return {
    release: manifest.version,
    isBundled,
    labels: manifest.label_set.labels.map(({ id, name }) => ({ id, name })),
    createdAt: manifest.created_at,
    accuracy: manifest.evaluation.accuracy,
    outsideAccuracy: manifest.evaluation.outside?.accuracy ?? null,
    accelerator: classifier.accelerator,
  };
}
