import type { DownloadConditions } from "./channel_pointer.ts";
import type { ReleaseManifest } from "./manifest.ts";
import type { TargetFile } from "./tuf/roles.ts";

/** Makes the offered model out of another one. */
export interface ModelPatch {
  /** SHA-256 of the model file that it starts from. */
  readonly old: string;
  readonly target: TargetFile;
}

/** A release that this phone should run; `targets` has signed it. */
export interface Offer {
  readonly manifest: ReleaseManifest;
  readonly manifestContent: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the manifest, which names everything else. */
  readonly digest: string;
  readonly model: TargetFile;
  readonly conditions: DownloadConditions;
  /** From models that are on this phone. */
  readonly patches: readonly ModelPatch[];
}

/** A model that has come, with the signed digest. */
export interface Downloaded {
  readonly content: Uint8Array<ArrayBuffer>;
  /** Why a patch that was there did not do, so that the whole model was downloaded. */
  readonly patchProblem: string | null;
}
