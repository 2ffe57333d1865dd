/**
 * The norms in plain double precision, with one loop for each formula, to read and to check results against. It is not
 * fast.
 *
 * For one row x of H elements:
 *
 *     mean  = sum x / H                             0 for rmsNorm
 *     var   = sum (x - mean)^2 / (H - ddof)         rmsNorm: sum x^2 / H
 *     sigma = sqrt(var + eps), or sqrt(var) + eps   epsAt "variance", "std"
 *     z     = (x - mean) / sigma
 *
 *     y = gain z + bias                             layerNorm, rmsNorm
 *     y = z                                         layerNormSimple, detachNorm
 *     y = C (1 - k z) z                             adaNorm
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
import type { DType, NormName } from "./types.js";

export type { DType, NormName } from "./types.js";
export { decode, encode };

/** The options of all norms, with the same meanings and defaults as in `Kernels`, and gain, bias, residual and dSum. */
export interface ReferenceOptions {
  /** H, the length of one row: an integer, 1 or more. */
  size: number;
  /** Added to the variance, or to the standard deviation (see `epsAt`): 0 or more. Default 1e-5. */
  eps?: number | undefined;
  /** Where eps is added: sigma = sqrt(var + eps), or sqrt(var) + eps. Default "variance", the first. */
  epsAt?: "variance" | "std" | undefined;
  /** Is subtracted from H in the variance: 0 or 1. Default 0. No effect in rmsNorm. */
  ddof?: 0 | 1 | undefined;
  /** Whether backward holds the mean constant. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Whether backward holds the standard deviation constant. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
  /** adaNorm's C: more than 0. Default 1. */
  scale?: number | undefined;
  /** adaNorm's k: 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Whether backward holds adaNorm's C (1 - k z) constant. Default true. */
  detachScale?: boolean | undefined;
  /** layerNorm's and rmsNorm's gain, `size` numbers. Default: all 1. */
  gain?: ArrayLike<number> | undefined;
  /** layerNorm's and rmsNorm's bias, `size` numbers. Default: all 0. */
  bias?: ArrayLike<number> | undefined;
  /** Added to x before the norm, `rows x size` numbers. Default: none. */
  residual?: ArrayLike<number> | undefined;
  /** Added to dx, `rows x size` numbers. Default: none. */
  dSum?: ArrayLike<number> | undefined;
  /** The storage to which x + residual is rounded before it is normalised. Default `"f32"`. */
  dtype?: DType | undefined;
  /** Elements from row to row in x, dy, residual and dSum. Default: size. Results are always contiguous. */
  rowStride?: number | undefined;
}

/** What {@link forward} returns. */
export interface ReferenceForward {
  /** The result: `rows x size`. */
  y: Float64Array;
  /** What was normalised: x + residual, or x. `rows x size`. */
  sum: Float64Array;
  /** The mean of each row; all zero for rmsNorm. Length `rows`. */
  mean: Float64Array;
  /** 1 / sigma of each row. Length `rows`. */
  rstd: Float64Array;
}

/** What {@link backward} returns. */
export interface ReferenceBackward {
  /** The gradient with respect to x: `rows x size`. */
  dx: Float64Array;
  /** The gradient with respect to the gain, summed over all rows: `size` numbers, for every norm. */
  dGain: Float64Array;
  /** The gradient with respect to the bias, summed over all rows: `size` numbers, for every norm. */
  dBias: Float64Array;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Copies the rows of a batch into contiguous memory. */
function rowsOf(
  batch: ArrayLike<number>,
  { size, rowStride = size }: { size: number; rowStride?: number | undefined },
): Float64Array {
  const rows = Math.ceil(batch.length / rowStride);
  return Float64Array.from(
    { length: rows * size },
    (_, i) => batch[Math.floor(i / size) * rowStride + (i % size)] as number,
  );
}

/** x + residual, rounded to the storage, or x if there is no residual. */
function sumOf(x: ArrayLike<number>, options: ReferenceOptions): Float64Array {
  const { residual, dtype = "f32" } = options;
  const rows = rowsOf(x, options);
  if (residual === undefined) return rows;
  const other = rowsOf(residual, options);
  const sums = rows.map((value, i) => value + (other[i] as number));
  return decode(encode(sums, dtype), dtype);
}

/** Mean, variance and sigma of one row. */
function statistics(norm: NormName, row: Float64Array, options: ReferenceOptions) {
  const { size, eps = 1e-5, epsAt = "variance", ddof = 0 } = options;
  const rms = norm === "rmsNorm";
  const roughly = rms ? 0 : sum(row) / size;
  // Corrects the mean by the mean of the differences: in a row far from 0 the first sum has lost digits.
  const mean = rms ? 0 : roughly + sum(row.map((x) => x - roughly)) / size;
  const variance = sum(row.map((x) => (x - mean) ** 2)) / (rms ? size : size - ddof);
  const sigma = epsAt === "std" ? Math.sqrt(variance) + eps : Math.sqrt(variance + eps);
  return { mean, variance, sigma };
}

/**
 * Computes a norm by the formulas at the head of this module. Does not check its arguments.
 *
 * @param norm which norm.
 * @param x `rows x size` numbers, row-major.
 * @param options size, and every option that differs from its default; also gain, bias and residual.
 * @returns y, what was normalised, and the mean and 1 / sigma of each row.
 */
export function forward(norm: NormName, x: ArrayLike<number>, options: ReferenceOptions): ReferenceForward {
  const { size, scale = 1, k = 1 / 10, gain, bias } = options;
  const input = sumOf(x, options);
  const rows = input.length / size;
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
      if (norm === "layerNorm" || norm === "rmsNorm") y = (gain?.[i] ?? 1) * z + (bias?.[i] ?? 0);
      result.y[r * size + i] = y;
    }
  }
  return result;
}

/**
 * Computes the gradients of a norm, for any choice of what is held constant. Does not check its arguments.
 *
 *     dx    = (dz - a - s z) / sigma,         dz = dL/dz = dL/dy dy/dz
 *     a     = mean(dz)                        0 for rmsNorm, or if the mean is detached
 *     s     = kappa sum(dz z) / (H - ddof)    0 if the standard deviation is detached
 *     kappa = 1, or sigma / sqrt(var)         epsAt "variance", "std" (0 for a constant row)
 *     dGain = sum over rows of dy z,          dBias = sum over rows of dy
 *
 * @param norm which norm.
 * @param dy dL/dy, `rows x size` numbers.
 * @param x the x of forward, `rows x size` numbers.
 * @param options the options of forward, and dSum, which is added to dx.
 * @returns the gradients with respect to x, gain and bias.
 */
export function backward(
  norm: NormName,
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  options: ReferenceOptions,
): ReferenceBackward {
  const { size, epsAt = "variance", scale = 1, k = 1 / 10, detachScale = true, gain } = options;
  const { detachMean = norm === "detachNorm", detachStd = norm === "detachNorm" } = options;
  const ddof = norm === "rmsNorm" ? 0 : (options.ddof ?? 0);
  const input = sumOf(x, options);
  const upstream = rowsOf(dy, options);
  const onto = options.dSum && rowsOf(options.dSum, options);
  const rows = input.length / size;
  const result = { dx: new Float64Array(input.length), dGain: new Float64Array(size), dBias: new Float64Array(size) };
  for (let r = 0; r < rows; r++) {
    const row = input.slice(r * size, (r + 1) * size);
    const dyRow = upstream.slice(r * size, (r + 1) * size);
    const { mean, variance, sigma } = statistics(norm, row, options);
    const z = row.map((value) => (value - mean) / sigma);

    const dz = dyRow.map((each, i) => {
      if (norm === "adaNorm") return each * scale * (1 - (detachScale ? 1 : 2) * k * (z[i] as number));
      if (norm === "layerNorm" || norm === "rmsNorm") return each * (gain?.[i] ?? 1);
      return each;
    });

    let kappa = 1;
    if (epsAt === "std") kappa = variance === 0 ? 0 : sigma / Math.sqrt(variance);
    const a = norm === "rmsNorm" || detachMean ? 0 : sum(dz) / size;
    const s = detachStd ? 0 : (kappa * sum(dz.map((value, i) => value * (z[i] as number)))) / (size - ddof);

    for (let i = 0; i < size; i++) {
      const dx = ((dz[i] as number) - a - s * (z[i] as number)) / sigma;
      result.dx[r * size + i] = dx + (onto?.[r * size + i] ?? 0);
      result.dGain[i] = (result.dGain[i] as number) + (dyRow[i] as number) * (z[i] as number);
      result.dBias[i] = (result.dBias[i] as number) + (dyRow[i] as number);
    }
  }
  return result;
}

/** The options of {@link int8} and {@link bits}. */
export interface ReferenceRowsOptions {
  /** The length of one row: an integer, 1 or more. */
  size: number;
  /** One scale for all rows, more than 0. Default: each row has its own, max|x| / 127. No effect in bits. */
  scale?: number | undefined;
  /** Elements from row to row in x. Default: size. Results are always contiguous. */
  rowStride?: number | undefined;
}

/** The nearest whole number, ties to even. */
function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/**
 * Rows as 8-bit integers: round(x / scale), ties to even, from -127 to 127. The same as `rows.int8`. Does not check its arguments.
 *
 * @param x `rows x size` numbers, row-major.
 * @param options size, and the scale if it is the same for all rows.
 * @returns the integers, `rows x size`, and the scale of each row.
 */
export function int8(
  x: ArrayLike<number>,
  options: ReferenceRowsOptions,
): {
  /** From -127 to 127. */
  values: Int8Array;
  /** Length `rows`. */
  scale: Float64Array;
} {
  const { size } = options;
  const input = rowsOf(x, options);
  const scale = new Float64Array(input.length / size);
  const values = new Int8Array(input.length);
  for (let r = 0; r < scale.length; r++) {
    const row = input.subarray(r * size, (r + 1) * size);
    const own = options.scale ?? row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    scale[r] = own;
    for (let i = 0; i < size; i++) {
      const rounded = Math.max(-127, Math.min(127, roundToEven((row[i] as number) / own)));
      // 0 / 0, and finite elements by an infinite scale, give 0; so does infinity by infinity.
      values[r * size + i] = Number.isNaN(rounded) ? 0 : rounded;
    }
  }
  return { values, scale };
}

/**
 * Rows as bits: 1 where x > 0, the first of eight elements in the most significant bit. The same as `rows.bits`. Does not check its
 * arguments.
 *
 * @param x `rows x size` numbers, row-major.
 * @param options size; also rowStride.
 * @returns the bits of each row in whole bytes.
 */
export function bits(x: ArrayLike<number>, options: ReferenceRowsOptions): Uint8Array {
  const { size } = options;
  const input = rowsOf(x, options);
  const bytes = Math.ceil(size / 8);
  const result = new Uint8Array((input.length / size) * bytes);
  input.forEach((value, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    const at = row * bytes + (column >> 3);
    if (value > 0) result[at] = (result[at] as number) | (128 >> (column & 7));
  });
  return result;
}
