/**
 * `no_photo`: nothing that can be read as a picture. `storage_full`: it was not kept, for want of room. `gone`: there is
 * no such photo (any more). `already_sent`: too late for this, as the server may have it. `withdrawn`: it was withdrawn.
 */
export type ContributionCode = "no_photo" | "storage_full" | "gone" | "already_sent" | "withdrawn";

/** What was asked for cannot be done with this photo; nothing has changed. */
export class ContributionError extends Error {
  override readonly name = "ContributionError";
  readonly code: ContributionCode;

  constructor(code: ContributionCode, detail: string) {
    super(detail);
    this.code = code;
  }
}
