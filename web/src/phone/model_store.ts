import type { ModelAnswer } from "../model/answer.ts";
import { ModelError, SelfTestFailed } from "../model/model_errors.ts";
import { change, read } from "../storage/database.ts";
import { unlessFull } from "../storage/full_disk.ts";
import type { InstalledModels } from "../storage/tables.ts";
import { readManifest, type ReleaseManifest } from "../updates/manifest.ts";
import { type RefusalReason, refusingStorageErrors, UpdateRefused } from "../updates/refusals.ts";
import type { KnownModels } from "../updates/update_source.ts";
import type { Counter } from "../usage/counts.ts";
import * as rules from "./installed_models.ts";
import type { LoadWatch } from "./load_watch.ts";
import type { Release, ReleaseFiles } from "./release_files.ts";
import { type Accelerator, type OpenClassifier, SharedClassifier } from "./shared_classifier.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A release in use. */
export interface ActiveModel {
  readonly digest: string;
  readonly isBundled: boolean;
  readonly manifest: ReleaseManifest;
  readonly classifier: SharedClassifier;
}

/** What a store works with. */
export interface StoreParts {
  readonly files: ReleaseFiles;
  readonly watch: LoadWatch;
  readonly usage: {
    count(version: number, counter: Counter): Promise<void>;
    refused(version: number, reason: string): Promise<void>;
  };
  readonly runtimeVersion: string;
  /** Loads a model and runs its self-tests. Rejects with `ModelError` or `SelfTestFailed`. */
  readonly open: (model: Bytes, manifest: ReleaseManifest, accelerator: Accelerator) => Promise<OpenClassifier>;
  /** Brings the release that came with the app, checked. */
  readonly fetchBundled: () => Promise<Release>;
  /** Runs `work` while no other tab changes the files of models. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/**
 * The models on this phone.
 *
 * Guarantees: the phone has a model that works: the newest that was installed, else the one before it, else the one that
 * came with the app, which is fetched again where the browser has cleared it. A model is installed only after its
 * self-tests, and the swap is one transaction. One that was refused is remembered, so that it is not downloaded again and
 * again; so is one that takes the app down with it while it is loaded or gives its first answer: a new one at the first
 * time, one that has answered before at the second time in a row. A full disk changes nothing that was installed.
 */
export class ModelStore {
  private readonly parts: StoreParts;
  /** Those that have answered since this worker began. */
  private readonly tried = new Set<string>();
  /** The release that came with the app, where there was no room to keep it. */
  private unkept: Release | null = null;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  async installed(): Promise<InstalledModels> {
    return { ...rules.NONE, ...(await read("installedModels")) };
  }

  /**
   * Opens the newest model that works. `left` are the tabs that their resident has left. Rejects with `UpdateRefused` if
   * not even the bundled one does, and as `fetchBundled` does where that is not here.
   */
  async openBest(left: readonly string[]): Promise<ActiveModel> {
    await unlessFull(() => this.countCrashes(left));
    const { active, previous } = await this.installed();
    for (const digest of [active, previous]) {
      if (digest === null) break;
      try {
        return await this.open(await this.intact(digest), false);
      } catch (error) {
        if (!(error instanceof UpdateRefused)) throw error;
        await unlessFull(() => this.drop(digest, error));
      }
    }
    return this.openBundled();
  }

  async openBundled(): Promise<ActiveModel> {
    return this.open(await this.bundled(), true);
  }

  /** The release that came with the app; fetched where it is not here, and kept where there is room. */
  async bundled(): Promise<Release> {
    const kept = await this.keptBundled();
    return kept ?? this.parts.exclusively(async () => (await this.keptBundled()) ?? this.bringBundled());
  }

  /** Fetches the release that comes with the app now, and keeps it in place of the one that is here. */
  async renewBundled(): Promise<void> {
    await this.parts.exclusively(() => this.bringBundled());
  }

  /** Throws the `UpdateRefused` of an earlier time, unless the runtime has changed since. */
  async checkNotRefused(digest: string): Promise<void> {
    const refused = (await this.installed()).refused[digest];
    if (refused?.runtimeVersion === this.parts.runtimeVersion) {
      throw new UpdateRefused(refused.reason as RefusalReason, refused.detail);
    }
  }

  /** What a patch may start from. */
  async knownModels(): Promise<KnownModels> {
    const places = new Map<string, string>();
    for (const digest of rules.wanted(await this.installed())) {
      const manifest = await this.parts.files.manifest(digest);
      if (manifest !== null) places.set(manifest.model.sha256, digest);
    }
    return {
      digests: () => Promise.resolve([...places.keys()]),
      read: (model) => this.parts.files.model(places.get(model) ?? ""),
    };
  }

  async has(digest: string): Promise<boolean> {
    return (await this.release(digest)) !== null;
  }

  /** Null where its files are not here, or not whole. */
  release(digest: string): Promise<Release | null> {
    return this.parts.files.read(digest);
  }

  /**
   * Downloads a release if it is not here, and tests it; it is not active yet. Rejects with `UpdateRefused` if it does
   * not work; then nothing of it is left.
   */
  async prepare(digest: string, manifestContent: Bytes, download: () => Promise<Bytes>): Promise<ActiveModel> {
    if (!(await this.has(digest))) {
      const release = { digest, manifestContent, manifest: readManifest(manifestContent), model: await download() };
      await refusingStorageErrors(() => this.parts.exclusively(() => this.parts.files.place(release)));
    }
    try {
      return await this.open(await this.intact(digest), false);
    } catch (error) {
      if (error instanceof UpdateRefused) await refusingStorageErrors(() => this.drop(digest, error));
      throw error;
    }
  }

  /**
   * Makes a prepared release, or the bundled one, the active one and keeps the one before. Rejects with `UpdateRefused`
   * where the disk is full; then the one before stays active.
   */
  async activate(model: ActiveModel): Promise<void> {
    const digest = model.isBundled ? null : model.digest;
    if ((await this.installed()).active === digest) return;
    await refusingStorageErrors(() => this.change((installed) => rules.activated(installed, digest)));
    await this.parts.usage.count(model.manifest.version, "installed");
    await this.parts.exclusively(async () => {
      await this.parts.files.removeAllBut(rules.wanted(await this.installed()));
    });
  }

  /**
   * Answers with `model`; its first answer is watched for a crash. The photo is read before: one that is too large for
   * the phone is not the model's fault. Rejects as `feed` and `answer` do.
   */
  classify(model: ActiveModel, photo: Blob): Promise<ModelAnswer> {
    return model.classifier.use(async (classifier) => {
      const fed = await classifier.feed(photo);
      return this.answer(model, classifier, fed);
    });
  }

  /** Loads a release for use on `accelerator`, watched for a crash. Rejects with `UpdateRefused`. */
  async load({ digest, model, manifest }: Release, accelerator: Accelerator): Promise<OpenClassifier> {
    try {
      return await this.parts.watch.watching({ version: manifest.version, digest, accelerator }, () =>
        this.parts.open(model, manifest, accelerator),
      );
    } catch (error) {
      if (error instanceof SelfTestFailed) throw new UpdateRefused("self_test_failed", error.message, { cause: error });
      if (error instanceof ModelError) throw new UpdateRefused("model_broken", error.message, { cause: error });
      throw error;
    }
  }

  /** Remembers what a release runs best on here, until the runtime changes. */
  async choose(digest: string, accelerator: Accelerator): Promise<void> {
    const chosen = { accelerator, runtimeVersion: this.parts.runtimeVersion };
    await this.change((installed) => ({
      ...installed,
      accelerators: { ...installed.accelerators, [digest]: chosen },
    }));
  }

  /** What a release was found to run best on; null where that was not tried yet. */
  async chosen(digest: string): Promise<Accelerator | null> {
    const found = (await this.installed()).accelerators[digest];
    return found?.runtimeVersion === this.parts.runtimeVersion ? found.accelerator : null;
  }

  private async answer(model: ActiveModel, classifier: OpenClassifier, fed: Bytes): Promise<ModelAnswer> {
    const { digest, manifest } = model;
    if (this.tried.has(digest)) return classifier.answer(fed);
    const trial = { version: manifest.version, digest, accelerator: classifier.accelerator };
    const answer = await this.parts.watch.watching(trial, () => classifier.answer(fed));
    this.tried.add(digest);
    await unlessFull(() => this.change((installed) => rules.hasAnswered(installed, digest)));
    return answer;
  }

  private async keptBundled(): Promise<Release | null> {
    const { bundled } = await this.installed();
    return (bundled === null ? null : await this.release(bundled)) ?? this.unkept;
  }

  private async bringBundled(): Promise<Release> {
    const release = await this.parts.fetchBundled();
    this.unkept = release;
    await unlessFull(async () => {
      if (!(await this.has(release.digest))) await this.parts.files.place(release); // It may run here, as an update.
      const installed = await this.change((before) => ({ ...before, bundled: release.digest }));
      await this.parts.files.removeAllBut(rules.wanted(installed));
      this.unkept = null;
    });
    return release;
  }

  private async intact(digest: string): Promise<Release> {
    const release = await this.release(digest);
    if (release !== null) return release;
    throw new UpdateRefused("tampered_file", `the files of ${digest} have changed on this phone`);
  }

  private async open(release: Release, isBundled: boolean): Promise<ActiveModel> {
    const { digest, manifest } = release;
    const classifier = new SharedClassifier(await this.loadBest(release));
    await this.parts.usage.count(manifest.version, "loads");
    return { digest, isBundled, manifest, classifier };
  }

  private async loadBest(release: Release): Promise<OpenClassifier> {
    if ((await this.chosen(release.digest)) === "webgpu") {
      try {
        return await this.load(release, "webgpu");
      } catch (error) {
        if (!(error instanceof UpdateRefused)) throw error;
        await unlessFull(() => this.choose(release.digest, "wasm")); // Its driver may have changed.
      }
    }
    return this.load(release, "wasm");
  }

  /** Takes account of what tabs before this one died of. */
  private async countCrashes(left: readonly string[]): Promise<void> {
    for (const { digest, version, accelerator } of await this.parts.watch.leftOver(left)) {
      await this.parts.usage.count(version, "load_crashes");
      const { active, bundled } = await this.installed();
      if (accelerator === "webgpu") await this.choose(digest, "wasm");
      else if (digest === active || digest !== bundled) await this.blame(digest);
    }
  }

  private async blame(digest: string): Promise<void> {
    const installed = await this.change((before) => rules.hasCrashed(before, digest));
    if (rules.isGivenUp(installed, digest)) {
      await this.drop(digest, new UpdateRefused("crashed", "it took the app down while it was loaded"));
    }
  }

  /** Gives a release up for the one before; unless its files were damaged here, remembers that it does not work. */
  private async drop(digest: string, { reason, detail }: UpdateRefused): Promise<void> {
    const { runtimeVersion, usage, files, exclusively } = this.parts;
    const manifest = await files.manifest(digest);
    const refused = reason === "tampered_file" ? null : { reason, detail, runtimeVersion };
    const wasActive = (await this.installed()).active === digest;
    const installed = await this.change((before) => rules.dropped(before, digest, refused));
    if (!rules.wanted(installed).includes(digest)) await exclusively(() => files.remove(digest));
    if (manifest === null) return;
    await usage.refused(manifest.version, reason);
    if (wasActive) await usage.count(manifest.version, "rolled_back");
  }

  private change(rule: (before: InstalledModels) => InstalledModels): Promise<InstalledModels> {
    return change("installedModels", (before) => rule({ ...rules.NONE, ...before }));
  }
}
