import type { HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/** Options of every reduction. */
export interface RowsOptions {
  /**
   * The number of elements from the start of one row to the start of the next: an integer, the size or more. Default: the size.
   * With more, the first elements of wider rows are reduced. The `cols` of a matrix must equal it; an array may end with its last
   * row.
   */
  rowStride?: number | undefined;
}

/** Options of the reductions that divide by degrees of freedom. */
export interface VarianceOptions extends RowsOptions {
  /** Is subtracted from the size: 0 (default) or 1. */
  ddof?: 0 | 1 | undefined;
}

/** Options of {@link Rows.int8}. */
export interface Int8Options extends RowsOptions {
  /** One scale for all rows: finite, more than 0. 1/127 suits unit vectors. Default: each row has its own, max|x| / 127. */
  scale?: number | undefined;
}

/**
 * Reductions over each row of a batch x, `rows x size`. Each returns a new array of length `rows`, one double for each row,
 * summed in double precision. `int8` and `bits` return elements in fewer bits instead. `kernels.rows` makes them.
 *
 * All throw TypeError if x is of the wrong kind, freed, or a matrix of other kernels, and RangeError if the shape of x does
 * not fit the size and rowStride, or the value of an option is wrong.
 */
export interface Rows {
  /**
   * sum x
   *
   * @param options see {@link RowsOptions}.
   */
  sum(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * sum x / size
   *
   * @param options see {@link RowsOptions}.
   */
  mean(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * sum (x - mean)^2 / (size - ddof)
   *
   * @param options see {@link VarianceOptions}.
   */
  variance(x: HostArray | Matrix, options?: VarianceOptions): Float64Array;
  /**
   * sqrt(variance)
   *
   * @param options see {@link VarianceOptions}.
   */
  std(x: HostArray | Matrix, options?: VarianceOptions): Float64Array;
  /**
   * sqrt(sum x^2 / size)
   *
   * @param options see {@link RowsOptions}.
   */
  rms(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * sum |x|
   *
   * @param options see {@link RowsOptions}.
   */
  l1(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * sqrt(sum x^2)
   *
   * @param options see {@link RowsOptions}.
   */
  l2(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * sum x^2
   *
   * @param options see {@link RowsOptions}.
   */
  sumSquare(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * The smallest element; NaN if the row holds one.
   *
   * @param options see {@link RowsOptions}.
   */
  min(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * The largest element; NaN if the row holds one.
   *
   * @param options see {@link RowsOptions}.
   */
  max(x: HostArray | Matrix, options?: RowsOptions): Float64Array;
  /**
   * Mean and variance of each row, in one call.
   *
   * @param options see {@link VarianceOptions}.
   */
  moments(
    x: HostArray | Matrix,
    options?: VarianceOptions,
  ): {
    /** The mean of each row. Length `rows`. */
    mean: Float64Array;
    /** The variance of each row. Length `rows`. */
    variance: Float64Array;
  };
  /**
   * Rows as 8-bit integers: round(x / scale), ties to even, as if divided in double precision. Larger ones become 127, smaller
   * ones -127. x is about values * scale.
   *
   * A row of zeros has scale 0 and values 0. A row with NaN has scale NaN, a row with an infinity scale infinity, and both have
   * values 0; values * scale is NaN then. With a given scale, NaN becomes 0 and an infinity 127 or -127.
   *
   * @param x `rows x size` elements.
   * @param options a scale for all rows, and rowStride: see {@link Int8Options}.
   */
  int8(
    x: HostArray | Matrix,
    options?: Int8Options,
  ): {
    /** From -127 to 127: `rows x size`. */
    values: Int8Array;
    /** What the values of each row are multiples of, in the unit of x. Length `rows`. */
    scale: Float64Array;
  };
  /**
   * One bit for each element: 1 where x > 0, so 0 for zeros and NaN.
   *
   * @param x `rows x size` elements.
   * @param options see {@link RowsOptions}.
   * @returns `rows x ceil(size / 8)` bytes. The first element of eight is in the most significant bit. The last byte of a row is
   * filled up with zeros.
   */
  bits(x: HostArray | Matrix, options?: RowsOptions): Uint8Array;
}
