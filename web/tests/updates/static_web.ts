/** So much is sent at once, so that it can be seen how far a client reads. */
export const CHUNK_BYTES = 100;

/** A server of static files without a network, as docs/updates.md asks for one: ranges, tags, and 404. */
export class StaticWeb {
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Path and the bytes of its body that were taken, in the order of the requests. */
  readonly moved: { path: string; bytes: number }[] = [];
  /** Answers instead of the file where it returns something. */
  misbehave: (path: string, request: Request) => Response | Promise<Response> | null = () => null;
  date: Date | null = null;

  constructor(files: Iterable<readonly [string, Uint8Array<ArrayBuffer>]> = []) {
    this.files = new Map(files);
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const answer = (await this.misbehave(path, request)) ?? this.answer(path, request);
    const entry = { path, bytes: 0 };
    this.moved.push(entry);
    // Not the request's own signal: Node forgets whom that follows as soon as nobody holds the request any more.
    const body = answer.body === null ? null : counted(answer.body, init?.signal ?? request.signal, entry);
    return new Response(body, { status: answer.status, headers: answer.headers });
  };

  /** Bytes taken of all paths with this ending. */
  movedOf(ending: string): number {
    return this.moved.filter((each) => each.path.endsWith(ending)).reduce((sum, each) => sum + each.bytes, 0);
  }

  /** How often a path with this ending was asked for. */
  askedFor(ending: string): number {
    return this.moved.filter((each) => each.path.endsWith(ending)).length;
  }

  private answer(path: string, request: Request): Response {
    const content = this.files.get(path);
    const date: Record<string, string> = this.date === null ? {} : { Date: this.date.toUTCString() };
    if (content === undefined) return new Response("not found", { status: 404, headers: date });
    const tag = `"${content.length}-${content.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)}"`;
    const headers = { ...date, ETag: tag };
    if (request.headers.get("If-None-Match") === tag) return new Response(null, { status: 304, headers });
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.get("Range") ?? "")?.[1] ?? 0);
    const body = inChunks(content.subarray(start));
    if (start === 0) return new Response(body, { headers: { ...headers, "Content-Length": `${content.length}` } });
    if (start >= content.length) return new Response(null, { status: 416, headers });
    const place = `bytes ${start}-${content.length - 1}/${content.length}`;
    return new Response(body, { status: 206, headers: { ...headers, "Content-Range": place } });
  }
}

function inChunks(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let place = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (place < content.length) controller.enqueue(content.slice(place, place + CHUNK_BYTES));
        else controller.close();
        place += CHUNK_BYTES;
      },
    },
    { highWaterMark: 0 },
  );
}

/** Gives `content` again and again, a chunk each time it is asked. */
export function endless(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      pull: (controller) => {
        controller.enqueue(content.slice());
      },
    },
    { highWaterMark: 0 },
  );
}

/** Gives `content`, and then nothing more, without ending. */
export function hanging(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isGiven = false;
  return new ReadableStream(
    {
      pull(controller) {
        if (isGiven) return new Promise(() => undefined);
        isGiven = true;
        controller.enqueue(content.slice());
        return undefined;
      },
    },
    { highWaterMark: 0 },
  );
}

/** Passes on what is read, counts it, and fails when the request is aborted, as a network does. */
function counted(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal,
  entry: { bytes: number },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    });
  });
  aborted.catch(() => undefined);
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await Promise.race([reader.read(), aborted]);
        if (done) {
          controller.close();
          return;
        }
        entry.bytes += value.length;
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
