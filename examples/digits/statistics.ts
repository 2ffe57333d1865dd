/** Numbers about arrays, and what they say of a norm: its gradients and its errors. */
import type { Norm } from "adanorm";
import type { NormName } from "adanorm/reference";
import * as reference from "adanorm/reference";
import { EPS, K, type NormChoice, SCALE } from "./contenders.ts";
import type { LayerPass } from "./network.ts";

/** Mean and variance (ddof 0) of some numbers. */
export interface Moments {
  mean: number;
  variance: number;
}

export function moments(values: ArrayLike<number>): Moments {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] as number) - mean) ** 2;
  return { mean, variance: squares / values.length };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** dL/dx of one row, and what the theorem makes of dL/dz in that row. */
export interface GradientRow {
  mean: number;
  variance: number;
  /** mean(dz) / sigma with dz = dL/dz, and var(dz) / sigma^2. */
  keptMean: number;
  keptVariance: number;
  /** Whether dL/dx obeys the theorem, up to rounding to f32; true if there is no theorem. */
  holds: boolean;
}

/** The largest differences between the kernels and the oracle. */
export interface Errors {
  /** Of y, in units of max(1, |y|). */
  forward: number;
  /** Of dx, in units of max|dz| / sigma of its row. */
  backward: number;
}

/** Everything found out about one norm, in one layer, on the test digits. */
export interface Findings {
  gradients: GradientRow[];
  errors: Errors;
}

/**
 * How far, in units of max|dz| / sigma, rounding may carry the mean of a row of f32. The units of the variance are the
 * square of it.
 */
const TOLERANCE = 1e-6;

/** The norm whose result is z, what `name` has before gain, bias and phi. */
function bareNorm(name: NormName): NormName {
  return name === "layerNorm" || name === "adaNorm" ? "layerNormSimple" : name;
}

/** Holds dL/dx of one row against the theorem. `dz` is dL/dz, and `rstd` is 1 / sigma of the row. */
export function checkRow(
  dx: Float32Array,
  dz: Float64Array,
  rstd: number,
  theorem: NormChoice["theorem"],
): GradientRow {
  const found = moments(dx);
  const given = moments(dz);
  const row = { ...found, keptMean: given.mean * rstd, keptVariance: given.variance * rstd * rstd };
  if (!theorem) return { ...row, holds: true };
  const unit = rstd * dz.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const meanError = Math.abs(found.mean - (theorem.mean === "zero" ? 0 : row.keptMean));
  const excess = found.variance - row.keptVariance;
  const varianceError = theorem.variance === "kept" ? Math.abs(excess) : excess;
  return { ...row, holds: meanError <= TOLERANCE * unit && varianceError <= TOLERANCE * unit * unit };
}

/**
 * Holds the kernels' forward and backward against the oracle and the paper's theorem, row by row.
 *
 * The theorem is about a bare normalisation, so its gradient is that at the end of the bare normalisation. Gain and bias,
 * or phi (held constant), follow it: dz = dL/dz = gain dL/dy, or phi(z) dL/dy. The oracle supplies sigma and z.
 *
 * @param pass the test digits after forward and backward, the loss of each row unweighted.
 * @returns what is found, and the normalised rows before gain, bias and phi, in double precision.
 */
export function examine(
  { name, theorem }: NormChoice,
  { size }: Norm,
  { x, y, dy, dx }: LayerPass,
  parameters: { gain?: Float32Array; bias?: Float32Array },
): { findings: Findings; z: Float64Array } {
  const options = { size, eps: EPS, scale: SCALE, k: K, ...parameters };
  const exact = reference.forward(name, x, options);
  const exactGradients = reference.backward(name, dy, x, options);
  const bare =
    bareNorm(name) === name && !parameters.gain ? exact : reference.forward(bareNorm(name), x, { size, eps: EPS });
  const errors = { forward: 0, backward: 0 };
  const gradients: GradientRow[] = [];
  const dz = new Float64Array(size);
  for (let row = 0; row * size < x.length; row++) {
    const start = row * size;
    const rstd = exact.rstd[row] as number;
    let unit = 0;
    for (let i = 0; i < size; i++) {
      const z = bare.y[start + i] as number;
      const factor = name === "adaNorm" ? SCALE * (1 - K * z) : (parameters.gain?.[i] ?? 1);
      dz[i] = factor * (dy[start + i] as number);
      unit = Math.max(unit, rstd * Math.abs(dz[i] as number));
    }
    for (let i = start; i < start + size; i++) {
      const expected = exact.y[i] as number;
      const forwardError = Math.abs((y[i] as number) - expected) / Math.max(1, Math.abs(expected));
      errors.forward = Math.max(errors.forward, forwardError);
      // A row without a gradient has no unit to measure in; its dx is 0 on both sides or counts in full.
      const difference = Math.abs((dx[i] as number) - (exactGradients.dx[i] as number));
      errors.backward = Math.max(errors.backward, difference / (unit || 1));
    }
    gradients.push(checkRow(dx.subarray(start, start + size), dz, rstd, theorem));
  }
  return { findings: { gradients, errors }, z: bare.y };
}
