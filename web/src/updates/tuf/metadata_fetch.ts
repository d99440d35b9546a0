import { chunksOf, joined } from "../byte_streams.ts";
import { UpdateRefused } from "../refusals.ts";

const LONGEST_MILLISECONDS = 60_000;

/** What a server has answered. */
export interface Fetched {
  readonly status: number;
  readonly etag: string | null;
  /** Empty where the status is not 200. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** Fetches metadata. No answer takes longer than a minute, and none is read beyond its limit. */
export class MetadataFetch {
  private readonly fetch: typeof fetch;
  /** What the newest answer said; nobody has signed it. */
  serverDate: Date | null = null;

  constructor(fetchIt: typeof fetch) {
    this.fetch = fetchIt;
  }

  /** Rejects with `UpdateRefused`: `unreachable`, or `tampered_metadata` where more than `limit` bytes came. */
  async get(url: string, limit: number, headers: Readonly<Record<string, string>> = {}): Promise<Fetched> {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new Error(`it took more than ${LONGEST_MILLISECONDS / 1000} s`));
    }, LONGEST_MILLISECONDS);
    try {
      // `no-store`: the verified copies are ours, and what lies between is asked to look anew.
      const answer = await this.fetch(url, { headers, cache: "no-store", credentials: "omit", signal: abort.signal });
      this.serverDate = dateOf(answer);
      const content = answer.status === 200 ? await readUpTo(answer, limit) : new Uint8Array();
      return { status: answer.status, etag: answer.headers.get("ETag"), content };
    } catch (error) {
      if (error instanceof UpdateRefused) throw error;
      throw new UpdateRefused("unreachable", `${url} cannot be fetched: ${String(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      abort.abort(); // Ends an answer of which nothing more is wanted.
    }
  }
}

async function readUpTo(answer: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(answer)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit)
      throw new UpdateRefused("tampered_metadata", `${answer.url} has more bytes than its role may have`);
  }
  return joined(chunks);
}

function dateOf(answer: Response): Date | null {
  const date = new Date(answer.headers.get("Date") ?? "");
  return Number.isNaN(date.getTime()) ? null : date;
}
