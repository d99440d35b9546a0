import { beforeEach, describe, expect, it } from "vitest";
import { makeKey, signedFile, type TestKey } from "../../../tests/updates/signing.ts";
import { TrustedMetadata } from "./trusted_metadata.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const common = { spec_version: "1.0.31", version: 1, expires: "2026-07-01T12:00:00Z" };
const TOP = ["root", "timestamp", "snapshot", "targets"];

let anna: TestKey;
let bert: TestKey;
let trusted: TrustedMetadata;

function root(key: TestKey, version: number): object {
  const role = { keyids: [key.id], threshold: 1 };
  const roles = Object.fromEntries(TOP.map((name) => [name, role]));
  return { _type: "root", ...common, version, keys: { [key.id]: key.published }, roles };
}

async function acceptTimestamp(version: number, snapshot: object): Promise<boolean> {
  const meta = { "snapshot.json": snapshot };
  return trusted.acceptTimestamp(await signedFile({ _type: "timestamp", ...common, version, meta }, [anna]));
}

async function acceptSnapshot(version: number, meta: object, isKept = false): Promise<void> {
  const content = await signedFile({ _type: "snapshot", ...common, version, meta }, [anna]);
  await trusted.acceptSnapshot(content, isKept);
}

beforeEach(async () => {
  [anna, bert] = (await Promise.all(["anna", "bert"].map(makeKey))) as [TestKey, TestKey];
  trusted = await TrustedMetadata.begin(await signedFile(root(anna, 1), [anna]));
});

describe("a root", () => {
  it("that the app was given is signed by itself", async () => {
    const unsigned = await signedFile(root(anna, 1), [bert]);
    await expect(TrustedMetadata.begin(unsigned)).rejects.toMatchObject({ reason: "tampered_metadata" });
  });

  it("is taken when the one of before and itself have signed it, and not by either alone", async () => {
    for (const signers of [[anna], [bert]]) {
      const half = await signedFile(root(bert, 2), signers);
      await expect(trusted.acceptRoot(half)).rejects.toMatchObject({ reason: "tampered_metadata" });
    }
    await trusted.acceptRoot(await signedFile(root(bert, 2), [anna, bert]));
    expect(trusted.root.version).toBe(2);
  });
});

describe("a timestamp", () => {
  it("of the same version changes nothing, and an older one is refused", async () => {
    expect(await acceptTimestamp(5, { version: 3 })).toBe(true);
    expect(await acceptTimestamp(5, { version: 4 })).toBe(false);
    expect(trusted.timestamp.meta["snapshot.json"].version).toBe(3);
    await expect(acceptTimestamp(4, { version: 3 })).rejects.toMatchObject({ reason: "older_metadata" });
  });

  it("that names an older snapshot is refused, and the one of before stays", async () => {
    await acceptTimestamp(5, { version: 3 });
    await expect(acceptTimestamp(6, { version: 2 })).rejects.toMatchObject({ reason: "older_metadata" });
    expect(trusted.timestamp.version).toBe(5);
  });
});

describe("a snapshot", () => {
  it("loses no role, and none of them becomes older", async () => {
    await acceptTimestamp(1, { version: 1 });
    await acceptSnapshot(1, { "targets.json": { version: 2 }, "channels.json": { version: 2 } });
    const lost = acceptSnapshot(2, { "targets.json": { version: 3 } });
    await expect(lost).rejects.toMatchObject({ reason: "tampered_metadata" });
    const older = acceptSnapshot(2, { "targets.json": { version: 3 }, "channels.json": { version: 1 } });
    await expect(older).rejects.toMatchObject({ reason: "older_metadata" });
  });

  it("has the length and the digests that the timestamp names; one that was kept had its own", async () => {
    const wrong: object[] = [{ length: 5 }, { hashes: { sha256: "0".repeat(64) } }, { hashes: { md5: "00" } }];
    for (const [place, told] of wrong.entries()) {
      await acceptTimestamp(place + 1, { version: 1, ...told });
      await expect(acceptSnapshot(1, {})).rejects.toMatchObject({ reason: "tampered_metadata" });
      await acceptSnapshot(1, {}, true);
    }
  });
});

describe("targets", () => {
  it("have the version and the digests that the snapshot names, and one that does not name them none at all", async () => {
    const content = await signedFile({ _type: "targets", ...common, version: 2, targets: {} }, [anna]);
    const refused: [object | null, string][] = [
      [null, "tampered_metadata"],
      [{ version: 3 }, "older_metadata"],
      [{ version: 2, length: content.length + 1 }, "tampered_metadata"],
      [{ version: 2, hashes: { sha512: "0".repeat(128) } }, "tampered_metadata"],
    ];
    for (const [named, reason] of refused) {
      trusted = await TrustedMetadata.begin(await signedFile(root(anna, 1), [anna]));
      await acceptTimestamp(1, { version: 1 });
      await acceptSnapshot(1, named === null ? {} : { "targets.json": named });
      await expect(trusted.acceptTargets(content, NOW)).rejects.toMatchObject({ reason });
    }
  });
});
