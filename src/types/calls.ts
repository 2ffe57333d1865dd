import type { HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/**
 * What forward found in each row, in double precision: what backward needs of it.
 *
 * For matrices of a few dozen rows, both arrays may be views of one buffer, which results of other calls share: read
 * them as arrays, never as `mean.buffer`, and copy them (`mean.slice()`) before transferring that buffer to another
 * thread, for the transfer would empty those of the other calls too.
 */
export interface RowStats {
  /** The mean of each row, in the unit of x; all zero for rmsNorm. Length `rows`. */
  mean: Float64Array;
  /** 1 / sigma of each row, eps included. Length `rows`. */
  rstd: Float64Array;
}

/**
 * The parameters of a norm that has them, `size` elements each; either may be left out, and each may be an array or a
 * matrix, whatever the batch is.
 *
 * @typeParam _T has no effect: a batch of either kind takes either.
 */
export interface Params<_T extends HostArray | Matrix = HostArray | Matrix> {
  /** Multiplies each normalised element. Default: none, as if all were 1. */
  gain?: HostArray | Matrix | undefined;
  /** Is added to each element after the gain. Default: none, as if all were 0. */
  bias?: HostArray | Matrix | undefined;
}

/**
 * From the start of one row to that of the next, in elements: an integer, `size` or more. One number for every batch that
 * the call is given, or one for each by name, those not named having rows one behind the other. Nothing between the rows
 * is read or written. An array may end with its last row; a matrix's `cols` are its rowStride.
 *
 * @typeParam Name the batches of the call.
 */
export type RowStride<Name extends string> = number | { readonly [Batch in Name]?: number | undefined };

/**
 * What forward returns: the result, and the statistics for backward, which come with the caution of {@link RowStats}:
 * copy them before transferring their buffers.
 *
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface Forward<T> extends RowStats {
  /** The result, `rows x size`, of the kind and shape of x; `out` itself where that was given. */
  y: T;
}

/**
 * What forward returns where there is a residual.
 *
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface SummedForward<T> extends Forward<T> {
  /** x + residual, rounded to the dtype: `rows x size`, of the kind of x; `sum` of the options itself if that was given. */
  sum: T;
}

/**
 * What forward takes besides x. All may be left out.
 *
 * @typeParam T the kind of x.
 * @typeParam Stats `boolean` where the statistics may be left out.
 */
export interface ForwardOptions<T extends HostArray | Matrix, Stats extends boolean = true> extends Params<T> {
  /** Where the result goes: of the kind and shape of x; x or the residual itself if wanted. Default: a new one. */
  out?: T | undefined;
  /** Added to x before the norm, of its kind and shape. Default: none. */
  residual?: T | undefined;
  /** Where x + residual goes: of their kind and shape, either of them if wanted. Default: a new one. */
  sum?: T | undefined;
  /**
   * Whether the result has mean and rstd: default true. Those who only infer save two arrays a call by false. A prepared call
   * has them in any case, as they cost nothing there.
   */
  stats?: Stats | undefined;
  /** The rows' distances, where they do not follow one another. Default: `size`. */
  rowStride?: RowStride<"x" | "residual" | "sum" | "out"> | undefined;
}

/**
 * What backward returns: gradients, `out`'s own arrays and matrices where those were given.
 *
 * @typeParam T the kind of dy and x: an array or {@link Matrix}.
 */
export interface Backward<T> {
  /** The gradient with respect to x, `rows x size`, of the kind and shape of x. */
  dx: T;
  /**
   * The gradient with respect to the gain: the sum over all rows, `size` elements. There where the gain was given or
   * `out.dGain` asked for it.
   */
  dGain?: Float32Array | Matrix;
  /**
   * The gradient with respect to the bias: the sum over all rows, `size` elements. There where the bias was given or
   * `out.dBias` asked for it.
   */
  dBias?: Float32Array | Matrix;
}

/**
 * What backward takes besides dy, x and the statistics. All may be left out.
 *
 * @typeParam T the kind of dy and x.
 */
export interface BackwardOptions<T extends HostArray | Matrix> extends Params<T> {
  /**
   * Where the results go; dx may be dy, x or dSum itself. Asks for dGain and dBias too. Default: new arrays, or new
   * matrices where dy and x are matrices.
   */
  out?: Partial<Backward<T>> | undefined;
  /** Add dGain and dBias onto what `out.dGain` and `out.dBias` hold. Default false. */
  accumulate?: boolean | undefined;
  /**
   * The gradient that reaches x, the sum of a residual connection, from elsewhere: it is added to dx. Of the kind and
   * shape of dy. Default: none.
   */
  dSum?: T | undefined;
  /** The rows' distances, where they do not follow one another. Default: `size`. */
  rowStride?: RowStride<"dy" | "x" | "dSum" | "dx"> | undefined;
}
