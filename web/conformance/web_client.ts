import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { guardedStore } from "../src/updates/guarded_storage.ts";
import { KnownTime } from "../src/updates/known_time.ts";
import { memoryFiles } from "../src/updates/memory_files.ts";
import { UpdateRefused } from "../src/updates/refusals.ts";
import { download, isIntact, targetUrl } from "../src/updates/target_download.ts";
import { type MetadataClient, refreshed } from "../src/updates/tuf/metadata_client.ts";
import { fileStore, isMissing, replace } from "./file_store.ts";

/**
 * The command line of the TUF client conformance suite (github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md).
 *
 * It adds nothing to the client of the web app: `refreshed` verifies as in the browser, `download` fetches as there, and
 * the time is the one that a phone would judge by. Exit status 0 or 1.
 *
 *     web-client --metadata-dir DIR init ROOT
 *     web-client --metadata-dir DIR --metadata-url URL refresh
 *     web-client --metadata-dir DIR --metadata-url URL \
 *         --target-name PATH --target-base-url URL --target-dir DIR download
 */
const OPTIONS = {
  "metadata-dir": { type: "string" },
  "metadata-url": { type: "string" },
  "target-name": { type: "string" },
  "target-base-url": { type: "string" },
  "target-dir": { type: "string" },
} as const;

const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
/** What would be built into the app; `root.json` beside it is the newest that was verified. */
const TRUSTED_ROOT = "trusted_root";

async function main(): Promise<void> {
  const [command, root] = positionals;
  if (command === "init" && root !== undefined) {
    await init(root);
  } else if (command === "refresh") {
    await refresh();
  } else if (command === "download") {
    await downloadTarget(await refresh());
  } else {
    throw new Error("asked for none of init ROOT, refresh and download");
  }
}

async function init(root: string): Promise<void> {
  const folder = option("metadata-dir");
  await mkdir(folder, { recursive: true });
  for (const name of [TRUSTED_ROOT, "root.json"]) await copyFile(root, join(folder, name));
}

async function refresh(): Promise<MetadataClient> {
  const folder = option("metadata-dir");
  const store = guardedStore(fileStore(folder));
  return refreshed({
    url: asFolder(option("metadata-url")),
    trustedRoot: await readFile(join(folder, TRUSTED_ROOT)),
    store,
    fetch,
    knownTime: new KnownTime(store, () => new Date(), new Date(0)),
  });
}

async function downloadTarget(client: MetadataClient): Promise<void> {
  const name = option("target-name");
  const target = await client.target(name);
  if (target === null) throw new UpdateRefused("not_published", `there is no ${name}`);
  const destination = join(option("target-dir"), encodeURIComponent(name));
  if (await isIntact(await contentOf(destination), target)) return;
  const url = targetUrl(asFolder(option("target-base-url")), target, client.isConsistent);
  await replace(destination, await download({ fetch, files: memoryFiles() }, url, target));
}

async function contentOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return new Uint8Array();
    throw error;
  }
}

function option(name: keyof typeof OPTIONS): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

function asFolder(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof UpdateRefused ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
