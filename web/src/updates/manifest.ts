import {
  checked,
  exactly,
  integer,
  list,
  nullable,
  number,
  oneOf,
  optional,
  parse,
  type Read,
  record,
  text,
  boolean,
} from "./document_reader.ts";
import { doubled, id, moment, sha256 } from "./published_formats.ts";

const positive = number((value) => value > 0);
const share = number((value) => value >= 0 && value <= 1);

const labelSet = checked(
  exactly({
    id,
    version: integer(1),
    labels: list(exactly({ id, name: text(1, 80), group: optional(nullable(id), null) }), 2),
  }),
  ({ labels }) => {
    const ids = labels.map((label) => label.id);
    return ids.includes("unsure") ? "has the label unsure, which is reserved" : doubled(ids);
  },
);

const inputSpec = exactly({
  width: integer(16, 2048),
  height: integer(16, 2048),
  crop: optional(oneOf("none", "centre_square"), "none"),
  filter: optional(oneOf("triangle22"), "triangle22"),
});

/** A matrix in 8 bits: row i is `scales[i]` times its signed bytes, which `values` holds in base64. */
const rows = checked(
  exactly({ columns: integer(1), scales: list(number(), 1), values: text() }),
  ({ columns, scales, values }) =>
    bytesInBase64(values) === scales.length * columns ? null : `must hold ${scales.length} times ${columns} bytes`,
);

const novelty = checked(
  exactly({
    kind: optional(oneOf("mahalanobis"), "mahalanobis"),
    means: rows,
    directions: rows,
    weights: list(number()),
    other_weight: positive,
    threshold: positive,
  }),
  ({ means, directions, weights }) =>
    means.columns === directions.columns && weights.length === directions.scales.length
      ? null
      : "has means, directions and weights that do not fit together",
);

const lineage = exactly({
  recipe: text(),
  recipe_digest: text(),
  dataset_snapshot: text(),
  training_run: text(),
  parent_version: optional(nullable(integer()), null),
  code_version: text(),
  seed: integer(),
});

const evaluation = exactly({
  evaluation_digest: text(),
  blessing_digest: text(),
  holdout_photos: integer(1),
  accuracy: share,
  macro_f1: share,
  recall: record(number()),
  rubber_stamped: boolean,
  outside: optional(
    nullable(
      exactly({
        name: text(),
        photos: integer(1),
        accuracy: share,
        unmeasured: list(text()),
        not_waste_unsure: nullable(share),
      }),
    ),
    null,
  ),
});

const selfTest = exactly({ seed: integer(0, 2 ** 32 - 1), logits: list(number()), tolerance: positive });

const releaseManifest = checked(
  exactly({
    format_version: optional(integer(1), 1),
    version: integer(1),
    created_at: moment,
    model: exactly({ sha256, size_bytes: integer(1), embedding_length: integer(1) }),
    label_set: labelSet,
    input_spec: inputSpec,
    temperature: positive,
    thresholds: record(number()),
    novelty: optional(nullable(novelty), null),
    lineage,
    evaluation,
    minimum_app_version: optional(text(), "0.1"),
    minimum_runtime_version: optional(text(), "2.0"),
    licence: text(),
    self_tests: list(selfTest, 8),
  }),
  (manifest) => {
    const ids = manifest.label_set.labels.map((label) => label.id);
    const { thresholds, self_tests, novelty, model } = manifest;
    if (Object.keys(thresholds).length !== ids.length || !ids.every((each) => each in thresholds)) {
      return "must have a threshold for every label and no other";
    }
    if (self_tests.some((test) => test.logits.length !== ids.length)) return "has self-tests of other labels";
    if (novelty === null) return null;
    const fits = novelty.means.scales.length === ids.length && novelty.means.columns === model.embedding_length;
    return fits ? null : "has means of novelty that do not fit labels and embedding";
  },
);

export type LabelSet = Read<typeof labelSet>;
export type InputSpec = Read<typeof inputSpec>;
export type Rows = Read<typeof rows>;
export type Novelty = Read<typeof novelty>;
export type SelfTest = Read<typeof selfTest>;

/** `models/<version>/manifest.json`: all that a phone must know to run a model (mobile_models/manifest.py). */
export type ReleaseManifest = Read<typeof releaseManifest>;

/** Reads a manifest; throws `DocumentProblem` for one that this version of the app does not wholly understand. */
export function readManifest(content: Uint8Array): ReleaseManifest {
  return parse(content, releaseManifest);
}

/** Whether a reader of `newer` understands every answer of a model made for `older`. */
export function extendsLabelSet(newer: LabelSet, older: LabelSet): boolean {
  const isPrefix = older.labels.every((label, place) => newer.labels[place]?.id === label.id);
  return newer.id === older.id && newer.version >= older.version && isPrefix;
}

function bytesInBase64(values: string): number | null {
  try {
    return atob(values).length;
  } catch {
    return null; // DOMException: this is no base64.
  }
}
