/** A matrix in 8 bits: row i is `scales[i]` times its signed bytes, which `values` holds in base64. */
export interface Rows {
  readonly columns: number;
  readonly scales: readonly number[];
  readonly values: string;
}

/** How far a photo may be from what the model learnt from (docs/published-format.md, "Too far"). */
export interface Novelty {
  readonly means: Rows;
  readonly directions: Rows;
  readonly weights: readonly number[];
  readonly other_weight: number;
  readonly threshold: number;
}

/** The distance of a photo with this embedding, as a share of the one beyond which the answer is unsure. */
export type Distance = (embedding: ArrayLike<number>) => number;

/** Unpacks the matrices once. Distances are squared ones of Mahalanobis to the nearest label, in double precision. */
export function distanceOf(novelty: Novelty): Distance {
  const means = matrix(novelty.means);
  const directions = matrix(novelty.directions);
  const meansAlong = means.map((mean) => directions.map((direction) => dot(mean, direction)));
  const meansSquared = means.map((mean) => dot(mean, mean));
  return (embedding) => {
    const unit = unitOf(embedding);
    const along = directions.map((direction) => dot(unit, direction));
    const squared = dot(unit, unit);
    const distances = means.map((mean, label) => {
      const parts = along.map((value, n) => (value - (meansAlong[label]?.[n] ?? NaN)) ** 2);
      const whole = squared - 2 * dot(unit, mean) + (meansSquared[label] ?? NaN);
      const rest = whole - parts.reduce((sum, part) => sum + part, 0);
      return dot(parts, novelty.weights) + rest * novelty.other_weight;
    });
    return Math.min(...distances) / novelty.threshold;
  };
}

function matrix({ columns, scales, values }: Rows): Float64Array[] {
  const decoded = atob(values);
  return scales.map((scale, row) =>
    Float64Array.from({ length: columns }, (_, n) => scale * ((decoded.charCodeAt(row * columns + n) << 24) >> 24)),
  );
}

function unitOf(embedding: ArrayLike<number>): Float64Array {
  const given = Float64Array.from(embedding);
  const length = Math.max(Math.sqrt(dot(given, given)), 1e-12);
  return given.map((value) => value / length);
}

function dot(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < one.length; n++) sum += (one[n] as number) * (other[n] as number);
  return sum;
}
