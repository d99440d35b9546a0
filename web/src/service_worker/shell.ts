/// <reference lib="webworker" />
const SCOPE = "/app/";
const PAGE = "index.html";
/** Names of what the build has named by its content: the same name is the same file for ever. */
const NAMED_BY_CONTENT = /^assets\//;
/** The runtime of the model, and the cache in which the phone's worker keeps what its browser needs of it. */
const RUNTIME = /^assets\/litert_/;
const DIGEST_IN_NAME = /-.{8}(?=\.\w+$)/;
const RUNTIME_CACHE = "model-runtime";

/**
 * The files of the app, kept so that it opens without a network.
 *
 * Guarantees: one cache holds one version of the app, whole and with exactly the content that was built together, or the
 * version is not used at all. A file that has not changed is copied from the version before, unless it was damaged
 * there meanwhile. The runtime of the model (megabytes in several builds, of which a browser needs one) is kept by the
 * phone's worker, and handed out from there; of another runtime a newer version brings the build that is kept, so that
 * it answers without a network from its start on.
 */
export class Shell {
  private readonly name: string;
  private readonly files: Readonly<Record<string, string>>;
  private readonly runtime: Readonly<Record<string, string>>;

  /**
   * `files`: names below /app/ with the SHA-256 of their content, cut to as many hexadecimal digits as are given.
   * `runtime`: the same of all builds of the runtime.
   */
  constructor(files: Readonly<Record<string, string>>, runtime: Readonly<Record<string, string>>) {
    this.files = files;
    this.runtime = runtime;
    this.name = `shell-${digestOf(files)}`;
  }

  /** Fetches all files of this version. Rejects if one cannot be had as built; then the version before stays in use. */
  async fill(): Promise<void> {
    const [files, runtime] = await Promise.all([fetched(this.files), fetched(await this.missingRuntime())]);
    await Promise.all([keep(this.name, files), keep(RUNTIME_CACHE, runtime)]);
  }

  /** Removes what only versions before have used. */
  async removeOthers(): Promise<void> {
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith("shell-") && name !== this.name).map((name) => caches.delete(name)),
    );
    const cache = await caches.open(RUNTIME_CACHE);
    const others = (await cache.keys()).filter((request) => !Object.hasOwn(this.runtime, fileOf(request)));
    await Promise.all(others.map((request) => cache.delete(request)));
  }

  /** What is missing of the builds that this browser was seen to use; none are before its first visit. */
  private async missingRuntime(): Promise<Readonly<Record<string, string>>> {
    const kept = (await (await caches.open(RUNTIME_CACHE)).keys()).map(fileOf);
    const used = new Set(kept.map((file) => file.replace(DIGEST_IN_NAME, "")));
    return Object.fromEntries(
      Object.entries(this.runtime).filter(
        ([file]) => used.has(file.replace(DIGEST_IN_NAME, "")) && !kept.includes(file),
      ),
    );
  }

  /** What to answer a request with; null where it is not about the app's files. */
  answer(request: Request): Promise<Response> | null {
    const address = new URL(request.url);
    if (request.method !== "GET" || address.origin !== location.origin || !address.pathname.startsWith(SCOPE))
      return null;
    const file = address.pathname.slice(SCOPE.length);
    if (Object.hasOwn(this.files, file)) return kept(this.name, file, request);
    if (RUNTIME.test(file)) return kept(RUNTIME_CACHE, file, request);
    // Screens have addresses without a file extension, as the server sees it, too.
    const isScreen = request.mode === "navigate" && !file.slice(file.lastIndexOf("/") + 1).includes(".");
    return isScreen ? kept(this.name, PAGE, request) : null;
  }
}

async function kept(name: string, file: string, request: Request): Promise<Response> {
  return (await caches.match(SCOPE + file, { cacheName: name })) ?? fetch(request);
}

function fileOf(request: Request): string {
  return new URL(request.url).pathname.slice(SCOPE.length);
}

type Fetched = readonly (readonly [file: string, response: Response])[];

function fetched(files: Readonly<Record<string, string>>): Promise<Fetched> {
  return Promise.all(
    Object.entries(files).map(async ([file, digest]) => [file, await theBuilt(file, digest)] as const),
  );
}

async function keep(name: string, files: Fetched): Promise<void> {
  const cache = await caches.open(name);
  await Promise.all(files.map(([file, response]) => cache.put(SCOPE + file, response)));
}

async function theBuilt(file: string, digest: string): Promise<Response> {
  const earlier = NAMED_BY_CONTENT.test(file) ? await caches.match(SCOPE + file) : undefined;
  const response = earlier ?? (await fetch(SCOPE + file, { cache: "no-cache" }));
  if (await isBuilt(response, digest)) return response;
  // What is kept here, or by the browser, may be damaged: it must not stand in the way of every version to come.
  const fresh = await fetch(SCOPE + file, { cache: "reload" });
  if (await isBuilt(fresh, digest)) return fresh;
  // The server has a newer version since this worker was fetched, or somebody else answers: no mixture is kept.
  throw new Error(`${file} is not what was built`);
}

async function isBuilt(response: Response, digest: string): Promise<boolean> {
  if (!response.ok) return false;
  return (await sha256(await response.clone().arrayBuffer())).startsWith(digest);
}

async function sha256(content: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A short name for a version: the digests of its files, folded (FNV-1a). */
function digestOf(files: Readonly<Record<string, string>>): string {
  let hash = 0x811c9dc5;
  for (const letter of Object.entries(files).flat().join("\n")) {
    hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
