import type { DBSchema } from "idb";

/**
 * All that the app keeps in IndexedDB, in one place. Model files and half downloads lie in the Origin Private File
 * System (`files.worker.ts`); what is listed here points to them.
 */
export interface Tables extends DBSchema {
  /** One document per key: see `Documents`. */
  documents: { key: string; value: unknown };
  /** Trusted TUF metadata under its file name, byte for byte as received. */
  metadata: { key: string; value: Uint8Array };
  /** What is known of each of the resident's own photos, by its id. */
  photos: { key: string; value: PhotoRow };
  /** What they look like, by the same id; apart, so that a change of the row copies no picture. */
  pictures: { key: string; value: StoredPictures };
}

/** The documents, each changed as a whole in one transaction (`change` in `database.ts`). */
export interface Documents {
  settings: Settings;
  installation: Installation;
  /** The root that was there at the first visit: whom this app believes for ever, and what that root signs itself. */
  trustedRoot: Uint8Array;
  installedModels: InstalledModels;
  loadAttempts: readonly LoadAttempt[];
  registration: Registration;
  /** Decides on which side of a rollout this phone is; it is told to nobody. */
  cohortId: string;
  pause: Pause;
  lastLook: LastLook;
  usage: Counted;
  /** There while the server has still to be told to forget this phone. */
  forgetting: true;
}

export type Language = "en" | "vi" | "zh";
export type Precision = "exact" | "street" | "district" | "none";

/** What the resident has chosen. Where nothing is written, `defaults` in `settings.ts` hold. */
export interface Settings {
  /** Null: the browser's. */
  readonly language: Language | null;
  readonly theme: "system" | "light" | "dark";
  /** Whether the welcome was read; before, nothing may be kept or sent. */
  readonly isWelcomed: boolean;
  /** What a new photo begins with; each can be decided otherwise, and changed later. */
  readonly sends: boolean;
  readonly allowsReview: boolean;
  readonly allowsTraining: boolean;
  readonly precision: Precision;
  readonly sendsOnUnmeteredOnly: boolean;
  readonly updatesOnUnmeteredOnly: boolean;
}

/** What the model says about a photo. */
export interface Answer {
  /** Label id, or `unsure`. */
  readonly label: string;
  /** The most probable label, whatever its threshold. */
  readonly bestLabel: string;
  /** Label id to probability, in the order of the label set. */
  readonly scores: Readonly<Record<string, number>>;
  /** Group id, or `unsure`; null where the labels have no groups. */
  readonly group: string | null;
  /** Version of the release that answered. */
  readonly release: number;
  /** From the photo's bytes to this answer. */
  readonly milliseconds: number;
  /** Distance from what the model learnt from, as a share of the one beyond which it is unsure; null where unknown. */
  readonly novelty: number | null;
}

/** Why an answer was wrong, as the server's interface names it. */
export type CorrectionReason =
  "wrong_material" | "several_materials" | "several_things" | "dirty_or_wet" | "bad_photo" | "none_fits";

/** What the resident says a photo shows. */
export interface Correction {
  readonly label: string;
  readonly reason: CorrectionReason | null;
}

/** What the resident has decided about one photo. */
export interface Choice {
  readonly sends: boolean;
  /** Whether people of the city may look at it. */
  readonly allowsReview: boolean;
  /** Whether a model may learn from it. */
  readonly allowsTraining: boolean;
  readonly precision: Precision;
  /** Degrees (WGS 84), rounded to `precision` before they were kept; null: not told. */
  readonly location: { readonly latitude: number; readonly longitude: number } | null;
  /** A name of the place, as the resident wrote it. */
  readonly place: string | null;
}

/**
 * `only_here`: nothing of it was sent. `waiting`: something is still to be sent. `sent`: the server has all of it.
 * `refused`: the server did not take it, and is not asked again. `withdrawn`: erased here; the server is told as soon as
 * it is reached.
 */
export type PhotoState = "only_here" | "waiting" | "sending" | "sent" | "refused" | "withdrawn";

/** Why something was not taken. */
export interface Problem {
  readonly of: keyof Waiting;
  /** Null where the reason lies on this phone. */
  readonly status: number | null;
  readonly code: string;
  readonly detail: string;
}

/** What the server said last about a photo. */
export interface Fate {
  readonly state: "received" | "inspected" | "quarantined" | "withdrawn" | "hidden";
  readonly receivedAt: string;
  readonly goldLabel: string | null;
  readonly quarantineReason: string | null;
  /** Published models that were made with it. */
  readonly inReleases: readonly number[];
  /** Whether reviewers say what the resident said, or what the phone said and nobody corrected; null: undecided. */
  readonly isAccepted: boolean | null;
}

/** Which parts the server has not taken yet. Their content is what the row says at the moment they are sent. */
export interface Waiting {
  readonly submission: boolean;
  readonly correction: boolean;
  readonly consent: boolean;
  readonly withdrawal: boolean;
}

export interface PhotoRow {
  /** A UUID made here: the same submission for ever. */
  readonly id: string;
  /** When the photo was taken, as far as the browser tells; milliseconds since 1970. */
  readonly takenAt: number;
  /** When it was answered and kept: a photo chosen from a gallery can be much older. Milliseconds since 1970. */
  readonly keptAt: number;
  readonly answer: Answer;
  readonly correction: Correction | null;
  /** Whether the resident said that the answer is right. */
  readonly isConfirmed: boolean;
  readonly note: string | null;
  readonly choice: Choice;
  readonly state: PhotoState;
  readonly problem: Problem | null;
  readonly fate: Fate | null;
  /** When the resident last looked at what became of it; null: never. */
  readonly seenAt: number | null;
  readonly waiting: Waiting;
  /** The submission that was begun to be sent, word for word, and when last; from then on it never changes. */
  readonly tried: { readonly at: number; readonly submission: string } | null;
}

export interface Pictures {
  /** As it is sent. Null once the server has it, and once it was withdrawn. */
  readonly photo: Blob | null;
  /** Null once it was withdrawn. */
  readonly thumbnail: Blob | null;
}

export interface StoredPictures extends Pictures {
  /** Another one at each writing: as long as it is the same, the pictures are. */
  readonly version: string;
}

/** What the app must know of the city's installation. Addresses are on the server that the app came from. */
export interface Installation {
  readonly name: string;
  /** Whose guide is followed; null: none. */
  readonly city: string | null;
  readonly channel: string;
  readonly updatesUrl: string;
  readonly bundled: {
    readonly version: number;
    readonly manifestUrl: string;
    readonly manifestSha256: string;
    readonly manifestBytes: number;
    readonly modelUrl: string;
    readonly modelSha256: string;
    readonly modelBytes: number;
  };
}

/** This phone, as the server knows it; nothing about the person who holds it. */
export interface Registration {
  readonly deviceId: string;
  readonly token: string;
}

/** After a failure: when the server may be asked again. */
export interface Pause {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly failures: number;
  /** Whether the server itself asked to come back later; a network that returns does not end that. */
  readonly isAsked: boolean;
}

/** Which side of a rollout a phone was on while it ran a release (mobile_models/field_report.py). */
export type Arm = "candidate" | "awaited" | "current" | "bundled" | "unseen";

/** What happened with one release on one day, as field reports say it. */
export interface ReleaseUse {
  readonly version: number;
  readonly arm: Arm;
  readonly installed: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly looks_refused: Readonly<Record<string, number>>;
  readonly self_test_failed: number;
  readonly load_crashes: number;
  readonly rolled_back: number;
  readonly loads: number;
  readonly answers: number;
  readonly accepted: number;
  readonly corrected: number;
  /** Answers by bucket. */
  readonly latency: Readonly<Record<string, number>>;
}

export interface DayUse {
  /** YYYY-MM-DD (UTC) */
  readonly day: string;
  readonly use: ReleaseUse;
}

/** What the resident thinks of an answer whose photo was kept. */
export interface Opinion {
  readonly day: string;
  readonly version: number;
  readonly arm: Arm;
  readonly predicted: string;
  readonly isRight: boolean | null;
}

/** The counts of a day for the city: nothing of a photo, a place or a person. */
export interface Report {
  readonly format_version: 1;
  readonly report_id: string;
  readonly day: string;
  readonly channel: string;
  readonly phone_model: string;
  readonly app_version: string;
  readonly runtime_version: string;
  readonly releases: readonly ReleaseUse[];
}

/** What this phone has met with its releases. */
export interface Counted {
  readonly open: readonly DayUse[];
  /** By the photo's id. */
  readonly opinions: Readonly<Record<string, Opinion>>;
  readonly waiting: readonly Report[];
  /** Release to the reasons for which its refusal was counted: each counts once. */
  readonly told: Readonly<Record<number, readonly string[]>>;
  /** When a pointer of the channel was last verified, and the candidate in whose cohort this phone is by it. */
  readonly seen: { readonly day: string; readonly candidate: number | null; readonly isToBundled: boolean } | null;
}

/** The releases on this phone, named by the SHA-256 of their manifest. */
export interface InstalledModels {
  /** Null: the one that came with the app. */
  readonly active: string | null;
  readonly previous: string | null;
  /** The one that came with the app; null until it is here. */
  readonly bundled: string | null;
  /** Those that do not work here. */
  readonly refused: Readonly<Record<string, RefusedModel>>;
  /** Those that have answered on this phone. */
  readonly answered: readonly string[];
  /** How often they ended the app, in a row. */
  readonly crashes: Readonly<Record<string, number>>;
  /** What each was found to run fastest on; those that are not named were not tried yet. */
  readonly accelerators: Readonly<Record<string, ChosenAccelerator>>;
}

export interface RefusedModel {
  readonly reason: string;
  readonly detail: string;
  /** A newer runtime may well run it. */
  readonly runtimeVersion: string;
}

export interface ChosenAccelerator {
  readonly accelerator: "webgpu" | "wasm";
  readonly runtimeVersion: string;
}

/** A model that a tab loads, or that gives its first answer there; gone once that has ended, well or not. */
export interface LoadAttempt {
  readonly tab: string;
  readonly version: number;
  /** SHA-256 of the manifest. */
  readonly digest: string;
  readonly accelerator: "webgpu" | "wasm";
}

/** What came of looking for updates the last time. */
export interface LastLook {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly state: "up_to_date" | "updated" | "returned_to_bundled" | "postponed" | "refused";
  /** Why, where it was refused: one of the words of docs/updates.md. */
  readonly reason: string | null;
  /** The release that ran afterwards. */
  readonly release: number;
}
