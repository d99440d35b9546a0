/** No answer, or one that asks to come back later. `status` is null where the server itself has not answered. */
export class ServerUnreachable extends Error {
  override readonly name = "ServerUnreachable";
  readonly status: number | null;
  readonly retryAfterSeconds: number | null;

  constructor(detail: string, status: number | null = null, retryAfterSeconds: number | null = null) {
    super(detail);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The server has understood and does not want it (RFC 9457 problem document). */
export class ServerRefused extends Error {
  override readonly name = "ServerRefused";
  readonly status: number;
  readonly code: string;
  readonly detail: string;

  constructor(status: number, code: string, detail: string) {
    super(`${status} ${code}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }

  /** Whether the server does not know this phone (any more). */
  get isForgotten(): boolean {
    return this.code === "not_signed_in";
  }
}

interface Received {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

const LATER = new Set([408, 425, 429]);
const TOO_LARGE = 413;

/**
 * Waits for a call of the typed client and makes of it one of three: what `read` finds in the answer, `ServerRefused`
 * (asking again the same way will not help) or `ServerUnreachable` (it may help later). `read` returns null for what
 * this server does not say: whoever stands between (a captive portal, a proxy) answers as well, and neither its 200 nor
 * its 404 counts.
 */
export async function outcome<Read>(call: Promise<Received>, read: (data: unknown) => Read | null): Promise<Read> {
  const { data, error, response } = await reached(call);
  if (response.ok) {
    const found = read(data);
    if (found === null) throw new ServerUnreachable(`${response.url} does not answer like Wastelens`);
    return found;
  }
  const detail = `${response.url} answered ${response.status}`;
  if (response.status >= 500 || LATER.has(response.status)) {
    throw new ServerUnreachable(detail, response.status, retryAfterSeconds(response));
  }
  if (isProblem(error)) throw new ServerRefused(response.status, error.code, error.detail);
  // The one refusal that a proxy in front of the server is entitled to: the body never reaches the server.
  if (response.status === TOO_LARGE) throw new ServerRefused(TOO_LARGE, "too_large", detail);
  throw new ServerUnreachable(detail);
}

async function reached(call: Promise<Received>): Promise<Received> {
  try {
    return await call;
  } catch (error) {
    throw new ServerUnreachable(String(error)); // No connection, too slow, or no JSON.
  }
}

function isProblem(error: unknown): error is { code: string; detail: string } {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    typeof error.code === "string" &&
    "detail" in error &&
    typeof error.detail === "string"
  );
}

function retryAfterSeconds(response: Response): number | null {
  const value = response.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(value) ? Number(value) : null;
}
