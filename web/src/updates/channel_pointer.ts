import {
  boolean,
  checked,
  exactly,
  integer,
  nullable,
  number,
  optional,
  parse,
  type Read,
  text,
} from "./document_reader.ts";

const conditions = exactly({
  unmetered_only: optional(boolean, false),
  charging_only: optional(boolean, false),
  idle_only: optional(boolean, false),
});

const NONE = { unmetered_only: false, charging_only: false, idle_only: false };

const candidate = exactly({
  version: integer(1),
  rollout_percent: number((value) => value >= 0 && value <= 100),
  salt: text(1, 64),
  conditions: optional(conditions, NONE),
});

const channelPointer = checked(
  exactly({
    format_version: optional(integer(1), 1),
    current: optional(nullable(integer(1)), null),
    conditions: optional(conditions, NONE),
    candidate: optional(nullable(candidate), null),
    return_to_bundled: optional(boolean, false),
  }),
  ({ candidate, current }) =>
    candidate !== null && candidate.version === current ? "has a candidate that is the current release already" : null,
);

/** When a phone may download a model. */
export type DownloadConditions = Read<typeof conditions>;
/** `channels/<channel>.json`: which release a phone should run (mobile_models/updates/update_channel.py). */
export type ChannelPointer = Read<typeof channelPointer>;

/** Reads a pointer; throws `DocumentProblem` for one that this version of the app does not wholly understand. */
export function readPointer(content: Uint8Array): ChannelPointer {
  return parse(content, channelPointer);
}

/**
 * Whether a phone belongs to a rollout: the first 32 bits of SHA-256(device_id:salt), modulo 10,000, are below 100 times
 * the percentage. A phone decides alone and always alike, and a higher percentage only ever adds phones.
 */
export async function inCohort(deviceId: string, salt: string, rolloutPercent: number): Promise<boolean> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${deviceId}:${salt}`));
  return new DataView(digest).getUint32(0) % 10_000 < roundHalfToEven(rolloutPercent * 100);
}

/** The release that this phone should run; null for the one that came with the app. */
export async function choose(pointer: ChannelPointer, deviceId: string): Promise<number | null> {
  const { candidate } = pointer;
  if (pointer.return_to_bundled) return null;
  if (candidate !== null && (await inCohort(deviceId, candidate.salt, candidate.rollout_percent))) {
    return candidate.version;
  }
  return pointer.current;
}

/** As Python rounds: a phone must come to the same side of the border wherever its client was written. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
