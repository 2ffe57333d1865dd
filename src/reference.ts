/**
 * The norms in plain double precision, with one loop for each formula, to read and to check results against. It is not
 * fast.
 *
 * For one row x of H elements:
 *
 *     mean  = sum x / H                             0 for rmsNorm, l2Norm
 *     var   = sum (x - mean)^2 / (H - ddof)         rmsNorm: sum x^2 / H; l2Norm: sum x^2
 *     sigma = sqrt(var + eps), or sqrt(var) + eps   epsAt "variance", "std"; l2Norm: max(sqrt(var), eps)
 *     z     = (x - mean) / sigma
 *
 *     y = gain z + bias                             layerNorm, rmsNorm, groupNorm, instanceNorm
 *     y = z                                         layerNormSimple, detachNorm, l2Norm
 *     y = C (1 - k z) z                             adaNorm
 *
 * A row of groupNorm or instanceNorm is a group of channels of one sample, and gain and bias have an element for each channel.
 *
 * The paper calls the normalised row y and the result z.
 *
 * Source: Xu, Sun, Zhang, Zhao, Lin, "Understanding and Improving Layer Normalization", NeurIPS 2019
 * (arXiv 1911.07013); RMSNorm from Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019
 * (arXiv 1910.07467).
 *
 * @module adanorm/reference
 */

import { decode, encode } from "./half.js";
import {
  paramsOf,
  type ReferenceChannelOptions,
  type ReferenceOptions,
  type Sized,
  sized,
} from "./reference-options.js";
import { rowsOf } from "./reference-rows.js";
import type { ChannelNormName, NormName } from "./types.js";

export type { ReferenceChannelOptions, ReferenceOptions } from "./reference-options.js";
export { bits, int8, type ReferenceRowsOptions } from "./reference-rows.js";
export type { ChannelNormName, DType, NormName } from "./types.js";
export { decode, encode };

/** What {@link forward} returns. */
export interface ReferenceForward {
  /** The result: `rows x size`. */
  y: Float64Array;
  /** What was normalised: x + residual, or x. `rows x size`. */
  sum: Float64Array;
  /** The mean of each row; all zero for rmsNorm and l2Norm. Length `rows`. */
  mean: Float64Array;
  /** 1 / sigma of each row. Length `rows`. */
  rstd: Float64Array;
}

/** What {@link backward} returns. */
export interface ReferenceBackward {
  /** The gradient with respect to x: `rows x size`. */
  dx: Float64Array;
  /**
   * The gradient with respect to the gain, summed over all that shares it: `size` numbers, or as many for each sample, or one for each
   * channel. For every norm.
   */
  dGain: Float64Array;
  /** The gradient with respect to the bias, likewise. */
  dBias: Float64Array;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** x + residual, rounded to the storage, or x if there is no residual. */
function sumOf(x: ArrayLike<number>, options: Sized): Float64Array {
  const { residual, dtype = "f32" } = options;
  const rows = rowsOf(x, options);
  if (residual === undefined) return rows;
  const other = rowsOf(residual, options);
  const sums = rows.map((value, i) => value + (other[i] as number));
  return decode(encode(sums, dtype), dtype);
}

type AnyName = NormName | ChannelNormName;

/** Whether a norm has gain and bias. */
function hasParams(norm: AnyName): boolean {
  return norm === "layerNorm" || norm === "rmsNorm" || norm === "groupNorm" || norm === "instanceNorm";
}

/** Mean and sigma of one row, and kappa of {@link backward}. */
function statistics(norm: AnyName, row: Float64Array, options: Sized) {
  const { size, eps = norm === "l2Norm" ? 1e-12 : 1e-5, epsAt = "variance" } = options;
  const centred = isCentred(norm);
  const roughly = centred ? sum(row) / size : 0;
  // Corrects the mean by the mean of the differences: in a row far from 0 the first sum has lost digits.
  const mean = centred ? roughly + sum(row.map((x) => x - roughly)) / size : 0;
  const variance = sum(row.map((x) => (x - mean) ** 2)) / freedom(norm, options);
  const std = Math.sqrt(variance);
  if (norm === "l2Norm") {
    // Infinite elements make all of the row NaN, as in the other norms.
    const sigma = std < Infinity ? Math.max(std, eps) : NaN;
    return { mean, sigma, kappa: std > eps ? 1 : 0 };
  }
  if (epsAt === "std") return { mean, sigma: std + eps, kappa: std === 0 ? 0 : (std + eps) / std };
  return { mean, sigma: Math.sqrt(variance + eps), kappa: 1 };
}

/** Whether a norm subtracts the mean. */
function isCentred(norm: AnyName): boolean {
  return norm !== "rmsNorm" && norm !== "l2Norm";
}

/** What the sum of squares is divided by. */
function freedom(norm: AnyName, { size, ddof = 0 }: Sized): number {
  if (norm === "l2Norm") return 1;
  return isCentred(norm) ? size - ddof : size;
}

/**
 * Computes a norm by the formulas at the head of this module. Does not check its arguments.
 *
 * @param norm which norm.
 * @param x `rows x size` numbers, row-major.
 * @param given size, and every option that differs from its default; also gain, bias and residual.
 * @returns y, what was normalised, and the mean and 1 / sigma of each row.
 */
export function forward(norm: NormName, x: ArrayLike<number>, given: ReferenceOptions): ReferenceForward;
export function forward(norm: ChannelNormName, x: ArrayLike<number>, given: ReferenceChannelOptions): ReferenceForward;
export function forward(
  norm: AnyName,
  x: ArrayLike<number>,
  given: ReferenceOptions | ReferenceChannelOptions,
): ReferenceForward {
  const options = sized(norm, given);
  const { size, scale = 1, k = 1 / 10, gain, bias } = options;
  const input = sumOf(x, options);
  const rows = input.length / size;
  const params = paramsOf(rows, options);
  const result = {
    y: new Float64Array(input.length),
    sum: input,
    mean: new Float64Array(rows),
    rstd: new Float64Array(rows),
  };
  for (let r = 0; r < rows; r++) {
    const row = input.slice(r * size, (r + 1) * size);
    const { mean, sigma } = statistics(norm, row, options);
    result.mean[r] = mean;
    // If eps is so small that 1 / sigma is beyond the largest double, takes that instead.
    result.rstd[r] = sigma > 0 ? Math.min(1 / sigma, Number.MAX_VALUE) : 1 / sigma;
    for (let i = 0; i < size; i++) {
      const z = ((row[i] as number) - mean) / sigma;
      let y = z;
      if (norm === "adaNorm") y = scale * (1 - k * z) * z;
      const param = params.at(r, i);
      if (hasParams(norm)) y = (gain?.[param] ?? 1) * z + (bias?.[param] ?? 0);
      result.y[r * size + i] = y;
    }
  }
  return result;
}

/**
 * Computes the gradients of a norm, for any choice of what is held constant. Does not check its arguments.
 *
 *     dx    = (dz - a - s z) / sigma,         dz = dL/dz = dL/dy dy/dz
 *     a     = mean(dz)                        0 for rmsNorm, l2Norm, or if the mean is detached
 *     s     = kappa sum(dz z) / (H - ddof)    0 if the standard deviation is detached; l2Norm: kappa sum(dz z)
 *     kappa = 1, or sigma / sqrt(var)         epsAt "variance", "std" (0 for a constant row); l2Norm: 1, but 0 if |x| <= eps
 *     dGain = sum over rows of dy z,          dBias = sum over rows of dy    those that share gain and bias
 *
 * @param norm which norm.
 * @param dy dL/dy, `rows x size` numbers.
 * @param x the x of forward, `rows x size` numbers.
 * @param given the options of forward, and dSum, which is added to dx.
 * @returns the gradients with respect to x, gain and bias.
 */
export function backward(
  norm: NormName,
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  given: ReferenceOptions,
): ReferenceBackward;
export function backward(
  norm: ChannelNormName,
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  given: ReferenceChannelOptions,
): ReferenceBackward;
export function backward(
  norm: AnyName,
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  given: ReferenceOptions | ReferenceChannelOptions,
): ReferenceBackward {
  const options = sized(norm, given);
  const { size, scale = 1, k = 1 / 10, detachScale = true, gain } = options;
  const { detachMean = norm === "detachNorm", detachStd = norm === "detachNorm" } = options;
  const input = sumOf(x, options);
  const upstream = rowsOf(dy, options);
  const onto = options.dSum && rowsOf(options.dSum, options);
  const rows = input.length / size;
  const params = paramsOf(rows, options);
  const result = {
    dx: new Float64Array(input.length),
    dGain: new Float64Array(params.length),
    dBias: new Float64Array(params.length),
  };
  for (let r = 0; r < rows; r++) {
    const row = input.slice(r * size, (r + 1) * size);
    const dyRow = upstream.slice(r * size, (r + 1) * size);
    const { mean, sigma, kappa } = statistics(norm, row, options);
    const z = row.map((value) => (value - mean) / sigma);

    const dz = dyRow.map((each, i) => {
      if (norm === "adaNorm") return each * scale * (1 - (detachScale ? 1 : 2) * k * (z[i] as number));
      if (hasParams(norm)) return each * (gain?.[params.at(r, i)] ?? 1);
      return each;
    });

    const a = !isCentred(norm) || detachMean ? 0 : sum(dz) / size;
    const s = detachStd ? 0 : (kappa * sum(dz.map((value, i) => value * (z[i] as number)))) / freedom(norm, options);

    for (let i = 0; i < size; i++) {
      const dx = ((dz[i] as number) - a - s * (z[i] as number)) / sigma;
      result.dx[r * size + i] = dx + (onto?.[r * size + i] ?? 0);
      const param = params.at(r, i);
      result.dGain[param] = (result.dGain[param] as number) + (dyRow[i] as number) * (z[i] as number);
      result.dBias[param] = (result.dBias[param] as number) + (dyRow[i] as number);
    }
  }
  return result;
}
