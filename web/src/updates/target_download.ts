import { chunksOf, joined } from "./byte_streams.ts";
import { hasDigests } from "./digests.ts";
import { UpdateRefused } from "./refusals.ts";
import type { TargetFile } from "./tuf/roles.ts";
import type { PartialFiles } from "./update_source.ts";

const GONE: readonly number[] = [403, 404, 410]; // A bucket answers 403 for what is not there.
const ROOM_TO_LEAVE_BYTES = 2 * 1024 * 1024;
const WINDOW_MILLISECONDS = 60_000;
/** What must come in each window; less is no download but somebody who holds the phone up. */
const LEAST_BYTES = 16 * 1024;
/** So much is written at once; a phone that is killed loses no more. */
const WRITE_BYTES = 256 * 1024;

/** Called with the bytes of a file that are here, and all that it has. */
export type OnProgress = (receivedBytes: number, totalBytes: number) => void;

/** Where downloads come from, and where they grow. */
export interface DownloadSource {
  readonly fetch: typeof fetch;
  readonly files: PartialFiles;
}

/** Where a target lies: under its digest in a consistent snapshot (TUF 1.0.31, section 6.2). */
export function targetUrl(targetsUrl: string, target: TargetFile, isConsistent = true): string {
  if (!isConsistent) return targetsUrl + target.path;
  const name = target.path.lastIndexOf("/") + 1;
  return `${targetsUrl}${target.path.slice(0, name)}${digestOf(target)}.${target.path.slice(name)}`;
}

/** The digest that a target is named by. Throws `UpdateRefused` for one that no phone can compute. */
export function digestOf(target: TargetFile): string {
  const { sha256, sha512 } = target.hashes;
  const found = [sha256 ?? "", sha512 ?? ""].find((digits) => /^([0-9a-f]{64}|[0-9a-f]{128})$/.test(digits));
  if (found !== undefined) return found;
  throw new UpdateRefused("app_too_old", `${target.path} was signed with digests that this app does not know`);
}

/** How much of `target` is still to be downloaded. */
export async function missingBytes(files: PartialFiles, target: TargetFile): Promise<number> {
  return target.length - Math.min(await files.size(digestOf(target)), target.length);
}

/**
 * Brings `target` here from `url`, as far as it is not here, and returns it. It stays in `files` under its digest.
 *
 * Guarantees: it goes on where it was cut, at whichever byte; what is returned has the signed length and digests; what a
 * server slips in, however long or slow, ends early and costs nothing that has come. Rejects with `UpdateRefused`:
 * `unreachable` and `not_published` keep what has come so far, `tampered_file` and `disk_full` do not.
 */
export async function download(
  source: DownloadSource,
  url: string,
  target: TargetFile,
  onProgress: OnProgress = () => undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = digestOf(target);
  const { files } = source;
  await checkRoom(files, await missingBytes(files, target));
  const isResumed = await fetchRest(source, url, target, onProgress);
  let content = await files.read(name);
  if (isResumed && !(await isIntact(content, target))) {
    // The first part may have been damaged on this phone.
    await files.remove(name);
    await fetchRest(source, url, target, onProgress);
    content = await files.read(name);
  }
  if (await isIntact(content, target)) return content;
  await files.remove(name);
  throw new UpdateRefused("tampered_file", `${target.path} is not what was signed`);
}

/** Rejects with `UpdateRefused` (`disk_full`) unless `wantedBytes` fit and leave the phone some room. */
export async function checkRoom(files: PartialFiles, wantedBytes: number): Promise<void> {
  if (wantedBytes === 0 || (await files.roomBytes()) >= wantedBytes + ROOM_TO_LEAVE_BYTES) return;
  throw new UpdateRefused(
    "disk_full",
    "there is no room on this phone for the update: free some, it goes on by itself",
  );
}

/** Whether `content` has the length and all digests that were signed. */
export async function isIntact(content: Uint8Array<ArrayBuffer>, target: TargetFile): Promise<boolean> {
  return content.length === target.length && (await hasDigests(content, target.hashes));
}

/** Brings the file to its signed length; says whether its beginning was here already. */
async function fetchRest(
  source: DownloadSource,
  url: string,
  target: TargetFile,
  onProgress: OnProgress,
): Promise<boolean> {
  const name = digestOf(target);
  const have = await source.files.size(name);
  if (have >= target.length && have > 0) return true;
  const pace = new Pace();
  try {
    const answer = await source.fetch(url, {
      headers: have > 0 ? { Range: `bytes=${have}-` } : {},
      cache: "no-store",
      credentials: "omit",
      signal: pace.signal,
    });
    const start = startOf(answer, have, target.length, url);
    if (start === 0 && have > 0) await source.files.remove(name);
    const end = await append(answer, source.files, target, start, pace, onProgress);
    if (end < target.length) throw new UpdateRefused("unreachable", `${url} ended early`);
    return start > 0;
  } catch (error) {
    if (error instanceof UpdateRefused) throw error;
    throw new UpdateRefused("unreachable", `${url} cannot be fetched: ${String(error)}`, { cause: error });
  } finally {
    pace.end();
  }
}

/** Where the bytes of `answer` belong. What has come is not given up for an answer of another length. */
function startOf(answer: Response, have: number, length: number, url: string): number {
  if (answer.status === 206) {
    const [place = "", total = ""] = (answer.headers.get("Content-Range") ?? "").split("/");
    if (place.startsWith(`bytes ${have}-`) && (total === String(length) || total === "*")) return have;
    throw new UpdateRefused("unreachable", `${url} answered with another part than was asked for`);
  }
  if (answer.status === 200) {
    if (have === 0 || (answer.headers.get("Content-Length") ?? String(length)) === String(length)) return 0;
    throw new UpdateRefused("unreachable", `${url} gives another file at the moment`);
  }
  if (GONE.includes(answer.status)) throw new UpdateRefused("not_published", `${url} is signed, but not there`);
  throw new UpdateRefused("unreachable", `${url} answered ${answer.status}`);
}

/** Appends what comes from `start` on, at most one chunk more than was signed; returns where the file ends then. */
async function append(
  answer: Response,
  files: PartialFiles,
  target: TargetFile,
  start: number,
  pace: Pace,
  onProgress: OnProgress,
): Promise<number> {
  const waiting = new Waiting(files, digestOf(target));
  let end = start;
  try {
    for await (const chunk of chunksOf(answer)) {
      end += chunk.length;
      if (end > target.length) break;
      await waiting.add(chunk);
      pace.received(chunk.length);
      onProgress(end, target.length);
    }
  } finally {
    await waiting.write();
  }
  if (end <= target.length) return end;
  await files.remove(digestOf(target));
  throw new UpdateRefused("tampered_file", `${answer.url} has more than the ${target.length} bytes signed`);
}

/** Chunks that are not written yet. Where the room runs out it gives back what the download took. */
class Waiting {
  private readonly files: PartialFiles;
  private readonly name: string;
  private chunks: Uint8Array[] = [];
  private bytes = 0;

  constructor(files: PartialFiles, name: string) {
    this.files = files;
    this.name = name;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes >= WRITE_BYTES) await this.write();
  }

  async write(): Promise<void> {
    if (this.bytes === 0) return;
    const content = joined(this.chunks);
    this.chunks = [];
    this.bytes = 0;
    try {
      await this.files.append(this.name, content);
    } catch (error) {
      await this.files.remove(this.name); // The person needs the room more than this download does.
      throw error;
    }
  }
}

/** Ends a download that only drips. What has come is kept, so a phone far out loses nothing by it. */
class Pace {
  private readonly abort = new AbortController();
  private readonly timer: ReturnType<typeof setInterval>;
  private bytes = 0;

  constructor() {
    this.timer = setInterval(() => {
      if (this.bytes < LEAST_BYTES) {
        const detail = `less than ${LEAST_BYTES} bytes came in ${WINDOW_MILLISECONDS / 1000} s`;
        this.abort.abort(new UpdateRefused("unreachable", detail));
      }
      this.bytes = 0;
    }, WINDOW_MILLISECONDS);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  received(count: number): void {
    this.bytes += count;
  }

  end(): void {
    clearInterval(this.timer);
    this.abort.abort(); // Ends an answer of which nothing more is wanted.
  }
}
