import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { build, type Plugin, type Rollup } from "vite";

/** Pictures that systems fetch by themselves when the app is installed; pages never show them. */
const FOR_SYSTEMS = /^icons\/.*\.png$/;
/** The runtime of the model: builds of megabytes, of which the phone's worker keeps the one that its browser needs. */
const RUNTIME = /^assets\/litert_/;

/**
 * Builds `src/service_worker/main.ts` into `service-worker.js`, with the list of the files that make up the app.
 *
 * The list carries a digest of each file, so that any change of the app changes the worker's own bytes, which is what a
 * browser compares to find out that there is something new.
 */
export function serviceWorker(): Plugin {
  let shell: Record<string, string> = {};
  let runtime: Record<string, string> = {};
  let outDir = "";
  return {
    name: "service-worker",
    apply: "build",
    configResolved(config) {
      outDir = config.build.outDir;
    },
    writeBundle(_, bundle) {
      const all = Object.values(bundle).map((file): [string, string] => [file.fileName, digest(contentOf(file))]);
      const made = all.filter(([name]) => !RUNTIME.test(name));
      runtime = Object.fromEntries(all.filter(([name]) => RUNTIME.test(name)));
      const given = publicFiles().map((name): [string, string] => [name, digest(readFileSync(join("public", name)))]);
      shell = Object.fromEntries([...made, ...given].sort(([one], [other]) => (one < other ? -1 : 1)));
    },
    closeBundle: {
      sequential: true,
      async handler() {
        await build({
          configFile: false,
          logLevel: "warn",
          publicDir: false,
          define: { SHELL: JSON.stringify(shell), RUNTIME_FILES: JSON.stringify(runtime) },
          build: {
            target: "es2022",
            outDir,
            emptyOutDir: false,
            reportCompressedSize: false,
            lib: { entry: "src/service_worker/main.ts", formats: ["es"], fileName: () => "service-worker.js" },
          },
        });
      },
    },
  };
}

function publicFiles(): string[] {
  return readdirSync("public", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative("public", join(entry.parentPath, entry.name)))
    .filter((name) => !FOR_SYSTEMS.test(name));
}

function contentOf(file: Rollup.OutputAsset | Rollup.OutputChunk): string | Uint8Array {
  return file.type === "chunk" ? file.code : file.source;
}

function digest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
