import { answer, type AnswerRules, type ModelAnswer } from "./answer.ts";
import { type InputSpec, prepare } from "./input_spec.ts";
import { type Accelerator, LiteRtModel } from "./litert.worker.ts";
import { SelfTestFailed } from "./model_errors.ts";
import { type Distance, distanceOf, type Novelty } from "./novelty.ts";
import { decode } from "./photo_pixels.worker.ts";
import { difference, picture, type SelfTest } from "./self_tests.ts";
import { Turns } from "./turns.ts";

/** What a manifest says about how its model is run. */
export interface ModelFacts extends AnswerRules {
  readonly model: { readonly embedding_length: number };
  readonly input_spec: InputSpec;
  readonly novelty: Novelty | null;
  readonly self_tests: readonly SelfTest[];
}

/** Of all classifiers together: a decoded photo takes 4 bytes for each pixel. */
const readings = new Turns();

/** A model that has passed its self-tests here, and answers to photos, one after the other. */
export class Classifier {
  readonly accelerator: Accelerator;
  private readonly facts: ModelFacts;
  private readonly model: LiteRtModel;
  private readonly distance: Distance | null;
  private readonly runs = new Turns();

  /**
   * Takes over the bytes of the model that `facts` describe; their digest must have been checked before. Rejects with
   * `ModelError` or `SelfTestFailed` if it must not be used on this phone, `RuntimeMissing` where the runtime is not here.
   */
  static async openTested(
    content: Uint8Array<ArrayBuffer>,
    facts: ModelFacts,
    accelerator: Accelerator,
  ): Promise<Classifier> {
    const { width, height } = facts.input_spec;
    const labels = facts.label_set.labels.length;
    const shape = { width, height, labels, embeddingLength: facts.model.embedding_length };
    const classifier = new Classifier(await LiteRtModel.load(content, shape, accelerator), facts, accelerator);
    try {
      await classifier.test();
    } catch (error) {
      classifier.close();
      throw error;
    }
    return classifier;
  }

  private constructor(model: LiteRtModel, facts: ModelFacts, accelerator: Accelerator) {
    this.model = model;
    this.facts = facts;
    this.accelerator = accelerator;
    this.distance = facts.novelty === null ? null : distanceOf(facts.novelty);
  }

  /**
   * What is fed to the model of a photo; no other photo is in memory meanwhile. Rejects as `decode`
   * does.
   */
  feed(photo: Blob): Promise<Uint8Array<ArrayBuffer>> {
    return readings.take(async () => {
      const decoded = await decode(photo);
      try {
        return prepare(decoded, this.facts.input_spec);
      } finally {
        decoded.close();
      }
    });
  }

  /** Answers to what `feed` has made. Rejects with `ModelError` where the runtime fails. */
  answer(fed: Uint8Array<ArrayBuffer>): Promise<ModelAnswer> {
    return this.runs.take(async () => {
      const { logits, embedding } = await this.model.run(fed);
      return answer(this.facts, this.distance, logits, embedding);
    });
  }

  /** Milliseconds of one answer without a photo: the median of three. */
  pace(): Promise<number> {
    const { width, height } = this.facts.input_spec;
    const fed = picture(0, height, width);
    return this.runs.take(async () => {
      const times: number[] = [];
      for (let n = 0; n < 3; n++) {
        const started = performance.now();
        await this.model.run(fed);
        times.push(performance.now() - started);
      }
      return times.sort((one, other) => one - other)[1] ?? NaN;
    });
  }

  /** Gives its memory back, after those who wait for an answer. */
  close(): void {
    void this.runs.take(() => {
      this.model.close();
      return Promise.resolve();
    });
  }

  private async test(): Promise<void> {
    const { width, height } = this.facts.input_spec;
    for (const test of this.facts.self_tests) {
      const { logits } = await this.model.run(picture(test.seed, height, width));
      const off = difference(test, logits);
      if (off > test.tolerance) {
        throw new SelfTestFailed(`seed ${test.seed}: off by ${off.toPrecision(4)}, allowed ${test.tolerance}`);
      }
    }
  }
}
