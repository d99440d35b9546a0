import { hasDigests } from "../digests.ts";
import { UpdateRefused } from "../refusals.ts";
import {
  type DelegatedRole,
  type MetaFile,
  readRoot,
  readSnapshot,
  readTargets,
  readTimestamp,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from "./roles.ts";
import { isSignedBy, type SignedBytes } from "./signatures.ts";

/**
 * What is believed so far, and the rules of TUF for believing more (specification 1.0.31, 5.3 to 5.6). It reads and
 * writes nothing.
 *
 * Guarantees: nothing is accepted that is not signed by the threshold of its role, or is older than what was accepted
 * before. Accepting does not look at the time, since also what has expired protects against what is older; `check...`
 * does, and must be called before anything is built on it. Whatever is wrong is an `UpdateRefused`, and then what was
 * believed before still is.
 */
export class TrustedMetadata {
  private newestRoot: Root;
  private newestTimestamp: Timestamp | null = null;
  private newestSnapshot: Snapshot | null = null;
  private readonly listed = new Map<string, Targets>();

  private constructor(root: Root) {
    this.newestRoot = root;
  }

  /** Begins with the root that the app was given, which must at least be signed by itself. */
  static async begin(content: Uint8Array): Promise<TrustedMetadata> {
    const root = readRoot(content);
    await checkSignatures("root", root, root.signed.roles.root, root.signed.keys);
    return new TrustedMetadata(root.signed);
  }

  get root(): Root {
    return this.newestRoot;
  }

  get timestamp(): Timestamp {
    return known(this.newestTimestamp);
  }

  get snapshot(): Snapshot {
    return known(this.newestSnapshot);
  }

  /** Takes the next root: the one of before and itself must have signed it. */
  async acceptRoot(content: Uint8Array): Promise<void> {
    const next = readRoot(content);
    await checkSignatures("root", next, this.root.roles.root, this.root.keys);
    checkVersion("root", next.signed.version, this.root.version + 1);
    await checkSignatures("root", next, next.signed.roles.root, next.signed.keys);
    this.newestRoot = next.signed;
  }

  checkRoot(now: Date): void {
    checkExpiry("root", this.root.expires, now);
  }

  /** Takes a timestamp, and says whether it is a newer one; of the same version the one of before stays. */
  async acceptTimestamp(content: Uint8Array): Promise<boolean> {
    const next = readTimestamp(content);
    await checkSignatures("timestamp", next, this.root.roles.timestamp, this.root.keys);
    const before = this.newestTimestamp;
    if (before !== null) {
      checkNotOlder("timestamp", next.signed.version, before.version);
      if (next.signed.version === before.version) return false;
      checkNotOlder("snapshot", next.signed.meta["snapshot.json"].version, before.meta["snapshot.json"].version);
    }
    this.newestTimestamp = next.signed;
    return true;
  }

  checkTimestamp(now: Date): void {
    checkExpiry("timestamp", this.timestamp.expires, now);
  }

  /** Takes a snapshot. One that was kept had the right digest when it came; it may be older than the timestamp's. */
  async acceptSnapshot(content: Uint8Array<ArrayBuffer>, isKept: boolean): Promise<void> {
    if (!isKept) await checkDigests("snapshot", content, this.timestamp.meta["snapshot.json"]);
    const next = readSnapshot(content);
    await checkSignatures("snapshot", next, this.root.roles.snapshot, this.root.keys);
    for (const [name, before] of Object.entries(this.newestSnapshot?.meta ?? {})) {
      const listed = next.signed.meta[name];
      if (listed === undefined) throw tampered(`the snapshot has lost ${name}`);
      checkNotOlder(name, listed.version, before.version);
    }
    this.newestSnapshot = next.signed;
  }

  checkSnapshot(now: Date): void {
    checkExpiry("snapshot", this.snapshot.expires, now);
    checkVersion("snapshot", this.snapshot.version, this.timestamp.meta["snapshot.json"].version);
  }

  acceptTargets(content: Uint8Array<ArrayBuffer>, now: Date): Promise<void> {
    return this.acceptListing("targets", content, this.root.roles.targets, this.root.keys, now);
  }

  /** Takes what a role lists to which `targets` has delegated. */
  acceptDelegated(role: DelegatedRole, content: Uint8Array<ArrayBuffer>, now: Date): Promise<void> {
    return this.acceptListing(role.name, content, role, this.listing("targets").delegations?.keys ?? {}, now);
  }

  /** Version, length and digests that the snapshot names for the metadata of a role. */
  metaFile(role: string): MetaFile {
    const found = this.snapshot.meta[`${role}.json`];
    if (found === undefined) throw tampered(`the snapshot does not name ${role}`);
    return found;
  }

  /** What a role lists; it must have been accepted. */
  listing(role: string): Targets {
    return known(this.listed.get(role));
  }

  isListed(role: string): boolean {
    return this.listed.has(role);
  }

  private async acceptListing(
    name: string,
    content: Uint8Array<ArrayBuffer>,
    role: { readonly keyids: readonly string[]; readonly threshold: number },
    keys: Root["keys"],
    now: Date,
  ): Promise<void> {
    const wanted = this.metaFile(name);
    await checkDigests(name, content, wanted);
    const next = readTargets(content);
    await checkSignatures(name, next, role, keys);
    checkVersion(name, next.signed.version, wanted.version);
    checkExpiry(name, next.signed.expires, now);
    this.listed.set(name, next.signed);
  }
}

function tampered(detail: string): UpdateRefused {
  return new UpdateRefused("tampered_metadata", detail);
}

function known<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error("metadata was asked for before it was accepted");
  return value;
}

async function checkSignatures(
  name: string,
  signed: SignedBytes,
  role: Root["roles"]["root"],
  keys: Root["keys"],
): Promise<void> {
  if (!(await isSignedBy(signed, role, keys))) throw tampered(`${name} is not signed by enough of its keys`);
}

async function checkDigests(name: string, content: Uint8Array<ArrayBuffer>, wanted: MetaFile): Promise<void> {
  const isRight =
    (wanted.length === null || content.length === wanted.length) &&
    (wanted.hashes === null || (await hasDigests(content, wanted.hashes)));
  if (!isRight) throw tampered(`${name} is not what was signed`);
}

function checkVersion(name: string, found: number, wanted: number): void {
  if (found !== wanted) throw new UpdateRefused("older_metadata", `${name} has version ${found}, not ${wanted}`);
}

function checkNotOlder(name: string, found: number, before: number): void {
  if (found < before)
    throw new UpdateRefused("older_metadata", `${name} ${found} is older than ${before}, seen before`);
}

function checkExpiry(name: string, expires: string, now: Date): void {
  if (now.getTime() >= Date.parse(expires))
    throw new UpdateRefused("expired_metadata", `${name} expired at ${expires}`);
}
