import { ModelError } from "../model/model_errors.ts";
import { unlessFull } from "../storage/full_disk.ts";
import { UpdateRefused } from "../updates/refusals.ts";
import type { ActiveModel, ModelStore } from "./model_store.ts";
import type { OpenClassifier } from "./shared_classifier.ts";

/** WebGPU, which not every browser has, nor every worker. */
interface GpuNavigator {
  readonly gpu?: { requestAdapter(): Promise<object | null> };
}

/**
 * Finds out, once for each release, whether `running` answers faster on WebGPU here, and passes its self-tests there.
 * What was found holds from the next start on. Nobody waits for it: the model answers meanwhile.
 */
export function tryWebGpu(store: ModelStore, { digest, classifier }: ActiveModel): Promise<void> {
  return classifier.use(async (running) => {
    if (running.accelerator === "webgpu" || (await store.chosen(digest)) !== null) return;
    const adapter = await (navigator as GpuNavigator).gpu?.requestAdapter();
    if (adapter === undefined || adapter === null) return;
    const isFaster = await answersFaster(store, digest, running);
    await unlessFull(() => store.choose(digest, isFaster ? "webgpu" : "wasm"));
  });
}

async function answersFaster(store: ModelStore, digest: string, running: OpenClassifier): Promise<boolean> {
  const release = await store.release(digest);
  if (release === null) return false;
  try {
    const onGpu = await store.load(release, "webgpu");
    try {
      return (await onGpu.pace()) < (await running.pace());
    } finally {
      onGpu.close();
    }
  } catch (error) {
    if (error instanceof UpdateRefused || error instanceof ModelError) return false; // It does not run there.
    throw error;
  }
}
