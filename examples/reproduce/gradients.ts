/** Mean and variance of real gradients at every norm of a trained model, beside what the theorem says of them. */
import * as tf from "@tensorflow/tfjs-core";
import { CONTENDERS, EPS, K, type NormName, type Theorem } from "./contenders.ts";
import type { Parameters } from "./parameters.ts";
import type { GradientRow, SiteGradients } from "./result.ts";

/** How far, in units of max|dz| / sigma, rounding to f32 may carry the mean of a row; of the variance, the square of it. */
const TOLERANCE = 1e-5;

const SAMPLE = 40;

interface Moments {
  mean: number;
  variance: number;
}

function moments(values: ArrayLike<number>): Moments {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] as number) - mean) ** 2;
  return { mean, variance: squares / values.length };
}

/** The input of a site, and the gradients on both sides of it. */
interface Observed {
  site: string;
  size: number;
  x: Float32Array;
  gain?: Float32Array;
  /** dL/dy and dL/dx, y being what the norm gives out. */
  dy: Float32Array;
  dx: Float32Array;
}

/** dz / dy, from the norm's result back to where the bare normalisation ends: the gain, or phi, which is held constant. */
function factor(norm: NormName, z: number, gain: number | undefined): number {
  const { scale } = CONTENDERS[norm];
  return scale === undefined ? (gain ?? 1) : scale * (1 - K * z);
}

function obeys(row: GradientRow, theorem: Theorem, unit: number): boolean {
  const meanError = Math.abs(row.mean - (theorem.mean === "zero" ? 0 : row.keptMean));
  const excess = row.variance - row.keptVariance;
  const varianceError = theorem.variance === "kept" ? Math.abs(excess) : excess;
  // The variance of dx is rounded in units of itself, and is at most some sizes times unit^2.
  return meanError <= TOLERANCE * unit && varianceError <= TOLERANCE * unit * unit;
}

function examine(norm: NormName, { site, size, x, gain, dy, dx }: Observed): SiteGradients {
  const theorem = CONTENDERS[norm].theorem as Theorem;
  const rows: GradientRow[] = [];
  let sigmas = 0;
  let held = 0;
  const dz = new Float64Array(size);
  for (let start = 0; start < x.length; start += size) {
    const given = moments(x.subarray(start, start + size));
    const sigma = Math.sqrt(given.variance + EPS);
    let unit = 0;
    for (let i = 0; i < size; i++) {
      const z = ((x[start + i] as number) - given.mean) / sigma;
      dz[i] = factor(norm, z, gain?.[i]) * (dy[start + i] as number);
      unit = Math.max(unit, Math.abs(dz[i] as number) / sigma);
    }
    // After the end of a sentence there is no gradient.
    if (unit === 0) continue;
    const kept = moments(dz);
    const found = moments(dx.subarray(start, start + size));
    const row = { ...found, keptMean: kept.mean / sigma, keptVariance: kept.variance / sigma ** 2 };
    rows.push(row);
    sigmas += sigma;
    if (obeys(row, theorem, unit)) held++;
  }
  const over = (value: (row: GradientRow) => number) => rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
  const stride = Math.max(1, Math.floor(rows.length / SAMPLE));
  return {
    site,
    size,
    rows: rows.length,
    holds: held / rows.length,
    sigma: sigmas / rows.length,
    mean: over(({ mean }) => Math.abs(mean)),
    variance: over(({ variance }) => variance),
    keptMean: over(({ keptMean }) => Math.abs(keptMean)),
    keptVariance: over(({ keptVariance }) => keptVariance),
    sample: rows.filter((_, i) => i % stride === 0).slice(0, SAMPLE),
  };
}

/**
 * @param loss runs the model that the parameters belong to on one batch.
 */
export function observeGradients(parameters: Parameters, loss: () => tf.Scalar): SiteGradients[] {
  const seen: { site: string; axes: number; shape: number[]; x: Float32Array; gain?: Float32Array }[] = [];
  parameters.observer = (site, x, axes, norm, gain) => {
    const values = { x: x.dataSync() as Float32Array, ...(gain && { gain: gain.dataSync() as Float32Array }) };
    seen.push({ site, axes, shape: x.shape, ...values });
    return norm(x);
  };
  tf.tidy(() => void loss());
  if (seen.length === 0) {
    parameters.observer = undefined;
    return [];
  }

  // Zeros, added to what goes into each norm and to what comes out: their gradients are those of these places.
  let gradients: Float32Array[] = [];
  // Nothing is returned from here: TensorFlow.js would look for tensors in every element of an array.
  tf.tidy(() => {
    const zeros = seen.flatMap(({ shape }) => [tf.zeros(shape), tf.zeros(shape)]);
    const found = tf.grads((...added) => {
      let next = 0;
      parameters.observer = (_site, x, _axes, norm) => {
        const y = norm(tf.add(x, added[next] as tf.Tensor));
        next += 2;
        return tf.add(y, added[next - 1] as tf.Tensor);
      };
      return loss();
    })(zeros);
    gradients = found.map((gradient) => gradient.dataSync() as Float32Array);
  });
  parameters.observer = undefined;

  return seen.map(({ site, axes, shape, x, gain }, i) =>
    examine(parameters.norm, {
      site,
      size: tf.util.sizeFromShape(shape.slice(shape.length - axes)),
      x,
      dx: gradients[2 * i] as Float32Array,
      dy: gradients[2 * i + 1] as Float32Array,
      ...(gain && { gain }),
    }),
  );
}
