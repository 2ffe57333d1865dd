import type { HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/**
 * Reductions over each row of a batch x, `rows x size`. Each returns a new array of length `rows`, one double for each row,
 * summed in double precision. `kernels.rows` makes them.
 *
 * All throw TypeError if x is of the wrong kind, freed, or a matrix of other kernels, and RangeError if the shape of x does
 * not fit the size, or ddof is neither 0 nor 1.
 */
export interface Rows {
  /** sum x */
  sum(x: HostArray | Matrix): Float64Array;
  /** sum x / size */
  mean(x: HostArray | Matrix): Float64Array;
  /**
   * sum (x - mean)^2 / (size - ddof)
   *
   * @param options `ddof` is subtracted from the size: 0 (default) or 1.
   */
  variance(x: HostArray | Matrix, options?: { ddof?: 0 | 1 | undefined }): Float64Array;
  /**
   * sqrt(variance)
   *
   * @param options `ddof` as in {@link variance}.
   */
  std(x: HostArray | Matrix, options?: { ddof?: 0 | 1 | undefined }): Float64Array;
  /** sqrt(sum x^2 / size) */
  rms(x: HostArray | Matrix): Float64Array;
  /** sum |x| */
  l1(x: HostArray | Matrix): Float64Array;
  /** sqrt(sum x^2) */
  l2(x: HostArray | Matrix): Float64Array;
  /** sum x^2 */
  sumSquare(x: HostArray | Matrix): Float64Array;
  /** The smallest element; NaN if the row holds one. */
  min(x: HostArray | Matrix): Float64Array;
  /** The largest element; NaN if the row holds one. */
  max(x: HostArray | Matrix): Float64Array;
  /**
   * Mean and variance of each row, in one call.
   *
   * @param options `ddof` as in {@link variance}.
   */
  moments(
    x: HostArray | Matrix,
    options?: { ddof?: 0 | 1 | undefined },
  ): {
    /** The mean of each row. Length `rows`. */
    mean: Float64Array;
    /** The variance of each row. Length `rows`. */
    variance: Float64Array;
  };
}
