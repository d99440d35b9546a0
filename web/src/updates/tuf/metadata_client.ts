import type { KnownTime } from "../known_time.ts";
import type { MetadataStore } from "../metadata_store.ts";
import { UpdateRefused } from "../refusals.ts";
import { MetadataFetch } from "./metadata_fetch.ts";
import { type DelegatedRole, delegatesOf, type TargetFile } from "./roles.ts";
import { keepTag, tagOf } from "./seen_timestamp.ts";
import { TrustedMetadata } from "./trusted_metadata.ts";

const ROOT_LIMIT_BYTES = 512_000;
const TIMESTAMP_LIMIT_BYTES = 16_384;
const SNAPSHOT_LIMIT_BYTES = 2_000_000;
const TARGETS_LIMIT_BYTES = 5_000_000;
const MOST_ROTATIONS = 256;
const NO_SUCH_FILE: readonly number[] = [403, 404]; // A bucket answers 403 for what is not there.
const KEPT_ROOT = /^root_history\/([1-9][0-9]*)\.root\.json$/;

/** Where metadata comes from, and where it is kept. */
export interface MetadataSource {
  /** Address of the folder of metadata, with a slash at its end. */
  readonly url: string;
  readonly trustedRoot: Uint8Array;
  readonly store: MetadataStore;
  readonly fetch: typeof fetch;
  readonly knownTime: KnownTime;
}

/**
 * Fetches, verifies and keeps all top-level metadata, in the order of TUF's client workflow (specification 1.0.31, 5.2
 * to 5.6), judged by one moment.
 *
 * Guarantees: each file is kept as soon as it is believed and before the next one is asked for; killed between any two
 * writes, the next look goes on from what was kept, and never behind it. What goes wrong is an `UpdateRefused`.
 */
export async function refreshed(source: MetadataSource): Promise<MetadataClient> {
  const fetching = new MetadataFetch(source.fetch);
  try {
    const trusted = await TrustedMetadata.begin(source.trustedRoot);
    const newestRoot = Math.max(trusted.root.version, await newestKeptRoot(source.store));
    const client = new MetadataClient(source, fetching, trusted, await source.knownTime.now(newestRoot));
    await client.refresh();
    return client;
  } catch (error) {
    if (error instanceof UpdateRefused && error.reason === "expired_metadata") {
      const hint = source.knownTime.explain(fetching.serverDate);
      throw new UpdateRefused(error.reason, error.detail + hint, { cause: error });
    }
    throw error;
  }
}

/** Verified metadata; delegated roles join when a target is looked up that may be theirs. */
export class MetadataClient {
  private readonly source: MetadataSource;
  private readonly fetching: MetadataFetch;
  private readonly trusted: TrustedMetadata;
  private readonly now: Date;

  constructor(source: MetadataSource, fetching: MetadataFetch, trusted: TrustedMetadata, now: Date) {
    this.source = source;
    this.fetching = fetching;
    this.trusted = trusted;
    this.now = now;
  }

  /** Whether files lie under their digests and version numbers; those of our own repositories do. */
  get isConsistent(): boolean {
    return this.trusted.root.consistent_snapshot;
  }

  /**
   * What was signed about a target; null where nobody who may has signed it. Rejects with `UpdateRefused`, also where
   * the search would go deeper than the one level of delegations that this client follows.
   */
  async target(path: string): Promise<TargetFile | null> {
    const own = this.listed("targets", path);
    if (own !== null) return own;
    for (const role of delegatesOf(path, this.trusted.listing("targets"))) {
      await this.loadDelegated(role);
      const found = this.listed(role.name, path);
      if (found !== null) return found;
      if (delegatesOf(path, this.trusted.listing(role.name)).length > 0) {
        throw new UpdateRefused("app_too_old", `${role.name} delegates ${path} further`);
      }
    }
    return null;
  }

  private listed(role: string, path: string): TargetFile | null {
    const found = this.trusted.listing(role).targets[path];
    return found === undefined ? null : { path, ...found };
  }

  async refresh(): Promise<void> {
    await this.loadRoots();
    await this.loadTimestamp();
    await this.loadSnapshot();
    await this.loadListing("targets", (content) => this.trusted.acceptTargets(content, this.now));
    const { root, timestamp } = this.trusted;
    await this.source.knownTime.learn(this.now, root.version, new Date(timestamp.expires));
  }

  private async loadRoots(): Promise<void> {
    const first = this.trusted.root.version + 1;
    for (let version = first; version < first + MOST_ROTATIONS; version += 1) {
      const file = `root_history/${version}.root.json`;
      if (await this.acceptKept(file, (kept) => this.trusted.acceptRoot(kept))) continue;
      const content = await this.fetchIfThere(`${version}.root.json`, ROOT_LIMIT_BYTES);
      if (content === null) break;
      await this.trusted.acceptRoot(content);
      await this.source.store.write(file, content);
    }
    this.trusted.checkRoot(this.now);
  }

  private async loadTimestamp(): Promise<void> {
    const { store, url } = this.source;
    const kept = await store.read("timestamp.json");
    const isKept = kept !== null && (await this.isAccepted(() => this.trusted.acceptTimestamp(kept)));
    const tag = isKept ? await tagOf(kept, store) : null;
    const headers: Record<string, string> = tag === null ? {} : { "If-None-Match": tag };
    const answer = await this.fetching.get(`${url}timestamp.json`, TIMESTAMP_LIMIT_BYTES, headers);
    if (tag !== null && answer.status === 304) {
      this.trusted.checkTimestamp(this.now);
      return;
    }
    const content = contentOf(answer, `${url}timestamp.json`);
    const isNewer = await this.trusted.acceptTimestamp(content);
    this.trusted.checkTimestamp(this.now);
    if (isNewer) await store.write("timestamp.json", content);
    const trustedBytes = isNewer ? content : (kept ?? content);
    if (answer.etag !== null) await keepTag(answer.etag, trustedBytes, store);
  }

  private async loadSnapshot(): Promise<void> {
    const accept = async (content: Uint8Array<ArrayBuffer>, isKept: boolean) => {
      await this.trusted.acceptSnapshot(content, isKept);
      this.trusted.checkSnapshot(this.now);
    };
    if (await this.acceptKept("snapshot.json", (kept) => accept(kept, true))) return;
    const { version, length } = this.trusted.timestamp.meta["snapshot.json"];
    const content = await this.fetched("snapshot", version, length ?? SNAPSHOT_LIMIT_BYTES);
    await accept(content, false);
    await this.source.store.write("snapshot.json", content);
  }

  private async loadDelegated(role: DelegatedRole): Promise<void> {
    if (this.trusted.isListed(role.name)) return;
    await this.loadListing(role.name, (content) => this.trusted.acceptDelegated(role, content, this.now));
  }

  private async loadListing(role: string, accept: (content: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
    const name = encodeURIComponent(role); // A role may be called `../root`.
    if (await this.acceptKept(`${name}.json`, accept)) return;
    const { version, length } = this.trusted.metaFile(role);
    const content = await this.fetched(name, version, length ?? TARGETS_LIMIT_BYTES);
    await accept(content);
    await this.source.store.write(`${name}.json`, content);
  }

  private async acceptKept(
    file: string,
    accept: (content: Uint8Array<ArrayBuffer>) => Promise<void>,
  ): Promise<boolean> {
    const kept = await this.source.store.read(file);
    return kept !== null && this.isAccepted(() => accept(kept));
  }

  /** What was kept may be damaged, of keys that were replaced, or out of date: then it is fetched. */
  private async isAccepted(accept: () => Promise<unknown>): Promise<boolean> {
    try {
      await accept();
      return true;
    } catch (error) {
      if (error instanceof UpdateRefused) return false;
      throw error;
    }
  }

  private async fetched(name: string, version: number, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const url = `${this.source.url}${this.isConsistent ? `${version}.` : ""}${name}.json`;
    return contentOf(await this.fetching.get(url, limit), url);
  }

  private async fetchIfThere(file: string, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const url = this.source.url + file;
    const answer = await this.fetching.get(url, limit);
    return NO_SUCH_FILE.includes(answer.status) ? null : contentOf(answer, url);
  }
}

function contentOf(
  answer: { readonly status: number; readonly content: Uint8Array<ArrayBuffer> },
  url: string,
): Uint8Array<ArrayBuffer> {
  if (answer.status !== 200) throw new UpdateRefused("unreachable", `${url} answered ${answer.status}`);
  return answer.content;
}

/** The newest root that this phone has verified, by its name. */
async function newestKeptRoot(store: MetadataStore): Promise<number> {
  const versions = (await store.names()).map((name) => Number(KEPT_ROOT.exec(name)?.[1] ?? 0));
  return Math.max(0, ...versions);
}
