import createClient from "openapi-fetch";
import type { paths } from "../../build/openapi.d.ts";
import { change, read } from "../storage/database.ts";
import { unlessFull } from "../storage/full_disk.ts";
import type { Installation } from "../storage/tables.ts";
import { outcome, ServerUnreachable } from "./outcomes.ts";
import { has } from "./reading.ts";

const TIMEOUT_MILLISECONDS = 30_000;
const MOST_ROOT_BYTES = 512_000;

/**
 * What was known last of the installation that this app belongs to; asked for where nothing is known yet, so that it is
 * there without a network after the first visit. Rejects with `ServerUnreachable` if nothing is and nobody answers.
 */
export async function installation(): Promise<Installation> {
  return (await read("installation")) ?? (await newestInstallation());
}

/** Asks the server, and keeps what it says for next time where there is room. Rejects like the calls of `Server`. */
export async function newestInstallation(): Promise<Installation> {
  const { said, rootUrl } = await ask();
  if ((await read("trustedRoot")) === undefined) {
    const root = await fetchRoot(rootUrl);
    await change("trustedRoot", (before) => before ?? root);
  }
  await unlessFull(() => change("installation", () => said));
  return said;
}

/**
 * The root of the update repository that this app believes, byte for byte. It is the one of the first visit for ever:
 * who takes the server over later cannot exchange it.
 */
export async function trustedRoot(): Promise<Uint8Array> {
  const kept = await read("trustedRoot");
  if (kept !== undefined) return kept;
  await newestInstallation();
  const pinned = await read("trustedRoot");
  if (pinned === undefined) throw new ServerUnreachable("The browser has cleared what the app had just kept.");
  return pinned;
}

async function ask(): Promise<{ said: Installation; rootUrl: string }> {
  const api = createClient<paths>({ baseUrl: location.origin, credentials: "omit", redirect: "error" });
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  return outcome(api.GET("/app/installation.json", { signal, cache: "no-cache" }), installationOf);
}

function installationOf(data: unknown): { said: Installation; rootUrl: string } | null {
  if (!has(data, { name: "string", city: "string?", channel: "string", updates_url: "string", root: "string" })) {
    return null;
  }
  const bundled = "bundled" in data ? data.bundled : null;
  const isWhole = has(bundled, {
    version: "number",
    manifest: "string",
    manifest_sha256: "string",
    manifest_bytes: "number",
    model: "string",
    model_sha256: "string",
    model_bytes: "number",
  });
  if (!isWhole) return null;
  const said = {
    name: data.name,
    city: data.city,
    channel: data.channel,
    updatesUrl: data.updates_url,
    bundled: {
      version: bundled.version,
      manifestUrl: bundled.manifest,
      manifestSha256: bundled.manifest_sha256,
      manifestBytes: bundled.manifest_bytes,
      modelUrl: bundled.model,
      modelSha256: bundled.model_sha256,
      modelBytes: bundled.model_bytes,
    },
  };
  return { said, rootUrl: data.root };
}

async function fetchRoot(url: string): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const response = fetch(new URL(url, location.origin), { signal, cache: "no-cache", credentials: "omit" });
  const received = response.then(async (answer) => ({
    response: answer,
    data: answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined,
  }));
  return outcome(received, (data) => (data instanceof Uint8Array && isRoot(data) ? data : null));
}

/** Whether these bytes look like a root at all; whether it is a good one, the updates find out. */
function isRoot(content: Uint8Array): boolean {
  if (content.length > MOST_ROOT_BYTES) return false;
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(content));
    const signed = typeof document === "object" && document !== null && "signed" in document ? document.signed : null;
    return has(signed, { _type: "string" }) && signed._type === "root";
  } catch {
    return false; // A page of whoever stands between.
  }
}
