import { sha256Hex } from "../../src/updates/digests.ts";
import type { UpdateSource } from "../../src/updates/update_source.ts";
import { memoryFiles } from "../../src/updates/memory_files.ts";
import { MemoryStore } from "./memory_store.ts";
import { makeKey, signedFile, type TestKey } from "./signing.ts";
import { StaticWeb } from "./static_web.ts";
import { factoryFile } from "./vectors.ts";

const DAY = 86_400_000;
export const SIGNED_AT = new Date("2026-06-01T12:00:00Z");

export function daysAfter(moment: Date, days: number): Date {
  return new Date(moment.getTime() + days * DAY);
}

export type RoleName = "root" | "timestamp" | "snapshot" | "targets" | "channels";

/**
 * A city that publishes updates of any kind at any time: its keys, its files and a web server. Release 1 of the test
 * vectors is the one it publishes, so that phones that have it find nothing new.
 */
export class City {
  readonly web = new StaticWeb();
  readonly versions: Record<RoleName, number> = { root: 1, timestamp: 0, snapshot: 0, targets: 0, channels: 0 };
  readonly keys: Record<RoleName, TestKey>;
  trustedRoot: Uint8Array<ArrayBuffer> = new Uint8Array();
  /** Below `targets/` of `channels`; released models stand in `models`. */
  readonly documents = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly models = new Map<string, Uint8Array<ArrayBuffer>>();
  /** A role to which `channels` delegates, which it never should. */
  channelsDelegate: object | null = null;

  private constructor(keys: Record<RoleName, TestKey>) {
    this.keys = keys;
  }

  static async found(): Promise<City> {
    const [root, online, targets, channels] = await Promise.all(["root", "online", "targets", "channels"].map(makeKey));
    if (root === undefined || online === undefined || targets === undefined || channels === undefined)
      throw new Error();
    const city = new City({ root, timestamp: online, snapshot: online, targets, channels });
    city.trustedRoot = await city.publishRoot(SIGNED_AT);
    city.models.set("models/1/manifest.json", factoryFile("manifest.json"));
    city.models.set("models/1/model.tflite", factoryFile("model.tflite"));
    city.point({ current: 1 });
    await city.publish(SIGNED_AT);
    return city;
  }

  point(pointer: object): void {
    this.documents.set("channels/stable.json", new TextEncoder().encode(JSON.stringify(pointer)));
  }

  /** Signs everything anew under the next numbers, the timestamp last. */
  async publish(moment: Date): Promise<void> {
    await this.publishListing("targets", moment, this.models, {
      delegations: { keys: this.published("channels"), roles: [{ ...this.holders("channels"), ...CHANNELS }] },
    });
    const roles = this.channelsDelegate === null ? [] : [{ ...this.holders("channels"), ...this.channelsDelegate }];
    await this.publishListing("channels", moment, this.documents, { delegations: { keys: {}, roles } });
    await this.publishSnapshot(moment);
    await this.publishTimestamp(moment);
  }

  async publishTimestamp(moment: Date): Promise<void> {
    this.versions.timestamp += 1;
    const meta = { "snapshot.json": { version: this.versions.snapshot } };
    await this.write("timestamp.json", "timestamp", { ...common("timestamp", this, daysAfter(moment, 3)), meta });
  }

  async publishSnapshot(moment: Date): Promise<void> {
    this.versions.snapshot += 1;
    const { targets, channels, snapshot } = this.versions;
    const meta = { "targets.json": { version: targets }, "channels.json": { version: channels } };
    await this.write(`${snapshot}.snapshot.json`, "snapshot", {
      ...common("snapshot", this, daysAfter(moment, 21)),
      meta,
    });
  }

  /** Signs the root with the keys of now and, beside its own, with `before`. */
  async publishRoot(moment: Date, before: readonly TestKey[] = []): Promise<Uint8Array<ArrayBuffer>> {
    const roles = ["root", "timestamp", "snapshot", "targets"] as const;
    const signed = {
      ...common("root", this, daysAfter(moment, 365)),
      consistent_snapshot: true,
      keys: Object.assign({}, ...roles.map((role) => this.published(role))) as object,
      roles: Object.fromEntries(roles.map((role) => [role, this.holders(role)])),
    };
    const content = await signedFile(signed, [this.keys.root, ...before]);
    this.web.files.set(`metadata/${this.versions.root}.root.json`, content);
    return content;
  }

  /** Replaces the keys of timestamp and snapshot by a new root; what they sign comes with the next `publish`. */
  async replaceOnlineKeys(moment: Date): Promise<void> {
    const online = await makeKey(`online, root ${this.versions.root + 1}`);
    Object.assign(this.keys, { timestamp: online, snapshot: online });
    this.versions.root += 1;
    await this.publishRoot(moment);
  }

  private async publishListing(
    role: "targets" | "channels",
    moment: Date,
    contents: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
    more: object,
  ): Promise<void> {
    this.versions[role] += 1;
    const targets: Record<string, object> = {};
    for (const [path, content] of contents) {
      const sha256 = await sha256Hex(content);
      targets[path] = { length: content.length, hashes: { sha256 } };
      const name = path.lastIndexOf("/") + 1;
      this.web.files.set(`targets/${path.slice(0, name)}${sha256}.${path.slice(name)}`, content);
    }
    const expires = daysAfter(moment, role === "targets" ? 365 : 21);
    const signed = { ...common(role, this, expires), _type: "targets", targets, ...more };
    await this.write(`${this.versions[role]}.${role}.json`, role, signed);
  }

  private async write(file: string, role: RoleName, signed: object): Promise<void> {
    this.web.files.set(`metadata/${file}`, await signedFile(signed, [this.keys[role]]));
  }

  private published(role: RoleName): object {
    return { [this.keys[role].id]: this.keys[role].published };
  }

  private holders(role: RoleName): object {
    return { keyids: [this.keys[role].id], threshold: 1 };
  }
}

const CHANNELS = { name: "channels", terminating: true, paths: ["channels/*", "guides/*", "patches/*"] };

function common(role: RoleName, city: City, expires: Date): object {
  return {
    _type: role,
    spec_version: "1.0.31",
    version: city.versions[role],
    expires: expires.toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

/** A phone from the factory that follows the city; its clock is right unless it is set. */
export function phoneOf(
  city: City,
  store = new MemoryStore(),
): { source: UpdateSource; store: MemoryStore; now: Date } {
  const phone = { store, now: new Date(SIGNED_AT.getTime() + 60_000) };
  const source: UpdateSource = {
    updatesUrl: "http://updates.test",
    trustedRoot: city.trustedRoot,
    store,
    files: memoryFiles(),
    fetch: city.web.fetch,
    clock: () => phone.now,
    bundledAt: new Date(0),
  };
  return Object.assign(phone, { source });
}
