import type { ModelAnswer } from "../model/answer.ts";

export type Accelerator = "webgpu" | "wasm";

/** A model in the memory of the runtime, which has passed its self-tests. */
export interface OpenClassifier {
  readonly accelerator: Accelerator;
  /** What is fed to the model of a photo. */
  feed(photo: Blob): Promise<Uint8Array<ArrayBuffer>>;
  answer(fed: Uint8Array<ArrayBuffer>): Promise<ModelAnswer>;
  /** Milliseconds of one answer without a photo. */
  pace(): Promise<number>;
  close(): void;
}

/**
 * A classifier that several use at once.
 *
 * Guarantees: it stays in memory until the last use that has begun has ended, also where another release takes over
 * between the steps of one: a photo is answered by the model that it was read for.
 */
export class SharedClassifier {
  readonly accelerator: Accelerator;
  private readonly classifier: OpenClassifier;
  private uses = 0;
  private isGivenUp = false;

  constructor(classifier: OpenClassifier) {
    this.classifier = classifier;
    this.accelerator = classifier.accelerator;
  }

  /** Lends the classifier to `work` until that has ended. No use begins after `close`. */
  async use<Result>(work: (classifier: OpenClassifier) => Promise<Result>): Promise<Result> {
    this.uses++;
    try {
      return await work(this.classifier);
    } finally {
      this.uses--;
      this.closeUnused();
    }
  }

  /** Gives its memory back, after those who use it. */
  close(): void {
    this.isGivenUp = true;
    this.closeUnused();
  }

  private closeUnused(): void {
    if (this.isGivenUp && this.uses === 0) this.classifier.close();
  }
}
