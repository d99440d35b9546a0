/// <reference lib="webworker" />
const SCOPE = "/app/";
const PAGE = "index.html";
/** The runtime of the model, and the cache in which the phone's worker keeps what its browser needs of it. */
const RUNTIME = /^assets\/litert_/;
const RUNTIME_CACHE = "model-runtime";

/**
 * The files of the app, kept so that it opens without a network.
 *
 * One cache holds one version of the app, whole or not at all; a file that has not changed is copied from the version
 * before. The runtime of the model (megabytes in several builds, of which a browser needs one) is kept by the phone's
 * worker, and handed out from there.
 */
export class Shell {
  private readonly name: string;
  private readonly files: Readonly<Record<string, string>>;

  /** `files`: names below /app/ with a digest of their content. */
  constructor(files: Readonly<Record<string, string>>) {
    this.files = files;
    this.name = `shell-${digestOf(files)}`;
  }

  /** Fetches all files of this version. Rejects if one cannot be had; then the version before stays in use. */
  async fill(): Promise<void> {
    const cache = await caches.open(this.name);
    await cache.addAll(Object.keys(this.files).map((file) => new Request(SCOPE + file, { cache: "no-cache" })));
  }

  async removeOthers(): Promise<void> {
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith("shell-") && name !== this.name).map((name) => caches.delete(name)),
    );
  }

  /** What to answer a request with; null where it is not about the app's files. */
  answer(request: Request): Promise<Response> | null {
    const address = new URL(request.url);
    if (request.method !== "GET" || address.origin !== location.origin || !address.pathname.startsWith(SCOPE))
      return null;
    if (request.mode === "navigate") return kept(this.name, PAGE, request);
    const file = address.pathname.slice(SCOPE.length);
    if (RUNTIME.test(file)) return kept(RUNTIME_CACHE, file, request);
    return file in this.files ? kept(this.name, file, request) : null;
  }
}

async function kept(name: string, file: string, request: Request): Promise<Response> {
  const cache = await caches.open(name);
  return (await cache.match(SCOPE + file)) ?? fetch(request);
}

/** A short name for a version: the digests of its files, folded (FNV-1a). */
function digestOf(files: Readonly<Record<string, string>>): string {
  let hash = 0x811c9dc5;
  for (const letter of Object.entries(files).flat().join("\n")) {
    hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
