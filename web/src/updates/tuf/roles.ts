import {
  atLeast,
  boolean,
  checked,
  DocumentProblem,
  integer,
  list,
  matching,
  oneOf,
  optional,
  parse,
  type Read,
  type Reader,
  record,
  text,
} from "../document_reader.ts";
import { dated, doubled } from "../published_formats.ts";
import { UpdateRefused } from "../refusals.ts";
import { canonicalBytes } from "./canonical_json.ts";
import type { SignedBytes } from "./signatures.ts";

/** The metadata of TUF (specification 1.0.31, section 4), as far as this client uses it; other members are ignored. */
export const TOP_LEVEL: readonly string[] = ["root", "timestamp", "snapshot", "targets"];

const common = {
  spec_version: matching(/^1\.\d+(\.\d+)?$/),
  version: integer(1),
  expires: dated(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
};
const digests = checked(record(text(1)), (given) => (Object.keys(given).length === 0 ? "has no digest" : null));

const key = atLeast({ keytype: text(), scheme: text(), keyval: atLeast({ public: optional(text(), "") }) });

const keyHolders = { keyids: checked(list(text()), doubled), threshold: integer(1) };
const role = atLeast(keyHolders);

const root = atLeast({
  _type: oneOf("root"),
  ...common,
  consistent_snapshot: optional(boolean, false),
  keys: record(key),
  roles: atLeast({ root: role, timestamp: role, snapshot: role, targets: role }),
});

const metaFile = atLeast({
  version: integer(1),
  length: optional(integer(0), null),
  hashes: optional(digests, null),
});

const timestamp = atLeast({ _type: oneOf("timestamp"), ...common, meta: atLeast({ "snapshot.json": metaFile }) });

const snapshot = atLeast({ _type: oneOf("snapshot"), ...common, meta: record(metaFile) });

const delegatedRole = atLeast({
  name: checked(text(1), (name) => (TOP_LEVEL.includes(name) ? "is the name of another role" : null)),
  ...keyHolders,
  terminating: boolean,
  /** Null where it is delegated by hash prefixes. */
  paths: optional(list(text()), null),
});

const delegations = atLeast({
  keys: record(key),
  roles: optional(
    checked(list(delegatedRole), (roles) => doubled(roles.map((each) => each.name))),
    [],
  ),
  /** Whether there are hash bins; no more is read of them. */
  succinct_roles: optional((): boolean => true, false),
});

const targets = atLeast({
  _type: oneOf("targets"),
  ...common,
  targets: record(atLeast({ length: integer(0), hashes: digests })),
  delegations: optional(delegations, null),
});

const envelope = atLeast({
  signed: (value: unknown): unknown => value,
  signatures: list(atLeast({ keyid: text(), sig: text() })),
});

export type Key = Read<typeof key>;
export type Role = Read<typeof role>;
export type MetaFile = Read<typeof metaFile>;
export type DelegatedRole = Read<typeof delegatedRole>;
export type Root = Read<typeof root>;
export type Timestamp = Read<typeof timestamp>;
export type Snapshot = Read<typeof snapshot>;
export type Targets = Read<typeof targets>;

/** A file that a role has signed. */
export interface TargetFile {
  /** Below `targets/`, without a digest. */
  readonly path: string;
  readonly length: number;
  /** Hexadecimal digits by algorithm. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** Metadata as it came: nothing in `signed` may be believed before its signatures are checked. */
export interface SignedMetadata<Signed> extends SignedBytes {
  readonly signed: Signed;
}

export const readRoot = reading(root);
export const readTimestamp = reading(timestamp);
export const readSnapshot = reading(snapshot);
export const readTargets = reading(targets);

/**
 * The roles to which `path` is delegated, in their order; one that ends the search is the last.
 *
 * Throws `UpdateRefused` (`app_too_old`) where it may be delegated by hashes, which this client does not follow: to pass
 * over a role that others ask would be to believe one that they do not.
 */
export function delegatesOf(path: string, { delegations }: Targets): readonly DelegatedRole[] {
  if (delegations === null) return [];
  if (delegations.succinct_roles || delegations.roles.some((role) => role.paths === null)) {
    throw new UpdateRefused("app_too_old", `${path} may be delegated by its hash`);
  }
  const roles = delegations.roles.filter((role) => role.paths?.some((pattern) => matches(path, pattern)));
  const end = roles.findIndex((role) => role.terminating);
  return end < 0 ? roles : roles.slice(0, end + 1);
}

/** In a pattern `*` and `?` stand for anything but a slash. */
function matches(path: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*/g, "[^/]*").replace(/\?/g, "[^/]")}$`, "s").test(path);
}

/** Returns what reads such metadata; it throws `UpdateRefused` (`tampered_metadata`) for anything else. */
function reading<Signed>(reader: Reader<Signed>): (content: Uint8Array) => SignedMetadata<Signed> {
  return (content) => {
    try {
      const { signed, signatures } = parse(content, envelope);
      return {
        signed: reader(signed, "signed"),
        payload: canonicalBytes(signed),
        signatures: new Map(signatures.map(({ keyid, sig }) => [keyid, sig])),
      };
    } catch (error) {
      if (error instanceof DocumentProblem || error instanceof TypeError) {
        throw new UpdateRefused("tampered_metadata", `metadata cannot be read: ${error.message}`, { cause: error });
      }
      throw error;
    }
  };
}
