import { type CompiledModel, loadAndCompile, loadLiteRt, Tensor, type TensorDetails } from "@litertjs/core";
import { fixBatch } from "./fixed_batch.ts";
import { ModelError } from "./model_errors.ts";
import { runtimeFiles } from "./runtime_files.worker.ts";

export { version as runtimeVersion } from "@litertjs/core/package.json";

export type Accelerator = "webgpu" | "wasm";

/** What a model of the published format puts out. */
export interface ModelOutput {
  readonly logits: Float32Array;
  readonly embedding: Float32Array;
}

/** What the manifest says about the file. */
export interface ModelShape {
  readonly width: number;
  readonly height: number;
  readonly labels: number;
  readonly embeddingLength: number;
}

/** More do not make a small int8 model faster, and phones mix fast cores with slow ones. */
const MOST_THREADS = 4;

let started: Promise<unknown> | undefined;

/** Loads the runtime, once in this worker. Rejects with `RuntimeMissing` where its files cannot be had. */
export function startRuntime(): Promise<unknown> {
  started ??= load().catch((error: unknown) => {
    started = undefined; // Another try may have a network.
    throw error;
  });
  return started;
}

/**
 * The runtime looks for `Module` in the global scope. What it prints is its own diary (which it also calls errors); what
 * fails is thrown. Its wasm is compiled out of the cache, so that browsers may keep what they have compiled.
 */
async function load(): Promise<unknown> {
  const { glue, wasm } = await runtimeFiles();
  const compiled = await WebAssembly.compileStreaming(wasm);
  const quiet = () => undefined;
  const failure = new Promise<never>((_, fail) => {
    const instantiateWasm = (imports: WebAssembly.Imports, done: InstanceReceiver) => {
      WebAssembly.instantiate(compiled, imports).then((instance) => {
        done(instance, compiled);
      }, fail);
    };
    Object.assign(self, { Module: { mainScriptUrlOrBlob: glue, instantiateWasm, print: quiet, printErr: quiet } });
  });
  return Promise.race([loadLiteRt(new URL(glue, location.href).href), failure]);
}

type InstanceReceiver = (instance: WebAssembly.Instance, module: WebAssembly.Module) => void;

/** A model of the published format in the memory of the runtime. */
export class LiteRtModel {
  private readonly model: CompiledModel;
  private readonly shape: ModelShape;
  private readonly isLogitsFirst: boolean;

  /**
   * Takes the bytes over: their digest must have been checked before. Rejects with `ModelError` for what is no such
   * model, or does not run on this accelerator as a whole.
   */
  static async load(content: Uint8Array, shape: ModelShape, accelerator: Accelerator): Promise<LiteRtModel> {
    await startRuntime();
    try {
      fixBatch(content);
      const cpuOptions = { numThreads: Math.min(MOST_THREADS, navigator.hardwareConcurrency) };
      return new LiteRtModel(await loadAndCompile(content, { accelerator, cpuOptions }), shape, accelerator);
    } catch (error) {
      throw error instanceof ModelError ? error : new ModelError(`the runtime cannot load it: ${String(error)}`);
    }
  }

  private constructor(model: CompiledModel, shape: ModelShape, accelerator: Accelerator) {
    this.model = model;
    this.shape = shape;
    try {
      if (model.options.accelerator !== accelerator) throw new ModelError(`it does not run on ${accelerator}`);
      checkInput(model.getInputDetails(), shape);
      this.isLogitsFirst = findLogits(model.getOutputDetails(), shape) === 0;
    } catch (error) {
      model.delete();
      throw error;
    }
  }

  /** `fed`: uint8 [1, height, width, 3]. One at a time. Rejects with `ModelError`. */
  async run(fed: Uint8Array<ArrayBuffer>): Promise<ModelOutput> {
    const tensors: Tensor[] = [];
    try {
      const input = new Tensor(fed, [1, this.shape.height, this.shape.width, 3]);
      tensors.push(input);
      tensors.push(...(await this.model.run(input)));
      const [first, second] = await Promise.all(
        tensors.slice(1).map((tensor) => tensor.data() as Promise<Float32Array>),
      );
      if (first === undefined || second === undefined) throw new ModelError("it gave no two outputs");
      return this.isLogitsFirst ? { logits: first, embedding: second } : { logits: second, embedding: first };
    } catch (error) {
      throw error instanceof ModelError ? error : new ModelError(`the runtime cannot run it: ${String(error)}`);
    } finally {
      for (const tensor of tensors) tensor.delete();
    }
  }

  /** Gives its memory back. */
  close(): void {
    this.model.delete();
  }
}

function checkInput(inputs: readonly TensorDetails[], { width, height }: ModelShape): void {
  const fits = inputs.length === 1 && inputs[0]?.dtype === "uint8" && hasShape(inputs[0], [1, height, width, 3]);
  if (!fits) throw new ModelError(`it takes ${described(inputs)}, its manifest says ${height} x ${width}`);
}

/** Which of the two outputs are the logits: by name, else by length. */
function findLogits(outputs: readonly TensorDetails[], { labels, embeddingLength }: ModelShape): number {
  const named = outputs.findIndex((output) => output.name === "logits");
  const place = named >= 0 ? named : outputs.findIndex((output) => hasShape(output, [1, labels]));
  const [logits, embedding] = [outputs[place], outputs[1 - place]];
  const fits =
    outputs.length === 2 &&
    outputs.every((output) => output.dtype === "float32") &&
    logits !== undefined &&
    embedding !== undefined &&
    hasShape(logits, [1, labels]) &&
    hasShape(embedding, [1, embeddingLength]);
  if (!fits) throw new ModelError(`it gives ${described(outputs)}, its manifest says ${labels} and ${embeddingLength}`);
  return place;
}

function hasShape({ shape }: TensorDetails, wanted: readonly number[]): boolean {
  return shape.length === wanted.length && wanted.every((size, n) => shape[n] === size);
}

function described(tensors: readonly TensorDetails[]): string {
  return tensors.map(({ dtype, shape }) => `${dtype} [${shape.join(", ")}]`).join(", ");
}
