import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { MetadataStore } from "../src/updates/metadata_store.ts";

const KEPT_ROOT = /^root_history\/\d+\.root\.json$/;

/** What a phone remembers as files of a folder; the newest root also under the name that the suite looks for. */
export function fileStore(folder: string): MetadataStore {
  return {
    async read(name) {
      try {
        return new Uint8Array(await readFile(join(folder, name)));
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async write(name, content) {
      await replace(join(folder, name), content);
      if (KEPT_ROOT.test(name)) await replace(join(folder, "root.json"), content);
    },
    async names() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    },
    exclusively: (work) => work(), // Each command is one process, and the suite runs one at a time.
  };
}

/** Replaces a file whole: a reader sees the old one or the new one. */
export async function replace(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  await writeFile(partial, content, { flush: true });
  await rename(partial, path);
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
