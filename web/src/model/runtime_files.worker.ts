import { supportsFeature } from "@litertjs/core";
import compatibleGlue from "@litertjs/core/wasm/litert_wasm_compat_internal.js?url";
import compatibleWasm from "@litertjs/core/wasm/litert_wasm_compat_internal.wasm?url";
import threadedGlue from "@litertjs/core/wasm/litert_wasm_threaded_internal.js?url";
import threadedWasm from "@litertjs/core/wasm/litert_wasm_threaded_internal.wasm?url";
import { unlessFull } from "../storage/full_disk.ts";
import { RuntimeMissing } from "./model_errors.ts";

/** One build of the runtime. */
export interface RuntimeFiles {
  /** Address of the script around it. */
  readonly glue: string;
  readonly wasm: Response;
}

/** From here the service worker answers for them; it also brings and removes them as versions of the app change. */
const CACHE = "model-runtime";

/**
 * The build that runs in this browser: with threads where pages share memory, else the one that runs everywhere.
 *
 * They are megabytes, of which a browser needs one build, so they are no part of the shell. They are kept here and not
 * by the service worker alone, since at the first visit that one does not see yet what a worker asks for. Rejects with
 * `RuntimeMissing` where they are not kept and there is no network.
 */
export async function runtimeFiles(): Promise<RuntimeFiles> {
  const [glue, wasm] = (await hasThreads()) ? [threadedGlue, threadedWasm] : [compatibleGlue, compatibleWasm];
  try {
    await unlessFull(() => keep([glue, wasm]));
    return { glue, wasm: (await caches.match(wasm, { cacheName: CACHE })) ?? (await fetch(wasm)) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // `fetch` and `addAll` say so that nobody answered well.
    throw new RuntimeMissing(`the runtime of the model cannot be had: ${error.message}`, { cause: error });
  }
}

async function hasThreads(): Promise<boolean> {
  return crossOriginIsolated && (await supportsFeature("threads")) && (await supportsFeature("relaxedSimd"));
}

async function keep(wanted: readonly string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  const kept = (await cache.keys()).map((request) => new URL(request.url).pathname);
  await cache.addAll(wanted.filter((file) => !kept.includes(file)));
}
