/**
 * Why a phone does not take an update, as docs/updates.md lists it: a closed list, so that phones can count the reasons
 * and cities compare them.
 */
export type RefusalReason =
  | "unreachable"
  | "not_published"
  | "tampered_metadata"
  | "expired_metadata"
  | "older_metadata"
  | "tampered_file"
  | "other_label_set"
  | "runtime_too_old"
  | "app_too_old"
  | "model_broken"
  | "self_test_failed"
  | "crashed"
  | "patch_failed"
  | "disk_full"
  | "storage_failed";

/** The phone keeps what it has. `detail` says in one sentence what a person can do or has to know. */
export class UpdateRefused extends Error {
  override readonly name = "UpdateRefused";
  readonly reason: RefusalReason;
  readonly detail: string;

  constructor(reason: RefusalReason, detail: string, options?: ErrorOptions) {
    super(`${reason}: ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }
}

/** Runs `work` on the phone's storage; what that refuses becomes `UpdateRefused`: `disk_full` or `storage_failed`. */
export async function refusingStorageErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UpdateRefused) throw error;
    if (error instanceof Error && error.name === "QuotaExceededError") {
      const detail = "there is no room on this phone for the update: free some, it goes on by itself";
      throw new UpdateRefused("disk_full", detail, { cause: error });
    }
    const detail = `this phone's storage failed, so that nothing was installed: ${String(error)}`;
    throw new UpdateRefused("storage_failed", detail, { cause: error });
  }
}
