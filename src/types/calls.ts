import type { HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/**
 * The statistics of each row, in double precision. Forward returns them, and backward needs them.
 *
 * For matrices of a few dozen rows, both arrays may be views of one buffer that the results of other calls share. So use
 * the arrays, never `mean.buffer`. Before transferring that buffer to another thread, copy the arrays (`mean.slice()`): the
 * transfer would also empty the arrays of the other calls.
 */
export interface RowStats {
  /** The mean of each row, in the unit of x; all zero for rmsNorm and l2Norm. Length `rows`. */
  mean: Float64Array;
  /** 1 / sigma of each row, eps included. Length `rows`. */
  rstd: Float64Array;
}

/**
 * The parameters of a norm that has them, `size` elements each. Either may be left out. Each may be an array or a matrix,
 * for batches of both kinds.
 *
 * Samples may have parameters of their own: `m size` elements, where m divides the number of rows. The first rows / m rows take the
 * first `size` elements, and so on. If both are given, they are as many. In a prepared call that runs on fewer rows, a sample has as many
 * rows as when all of them run.
 *
 * @typeParam _T has no effect.
 */
export interface Params<_T extends HostArray | Matrix = HostArray | Matrix> {
  /** Multiplies each normalised element. Default: none, as if all were 1. */
  gain?: HostArray | Matrix | undefined;
  /** Is added to each element after the gain. Default: none, as if all were 0. */
  bias?: HostArray | Matrix | undefined;
}

/**
 * The number of elements from the start of one row to the start of the next: an integer, `size` or more. Give one number
 * for all batches of the call, or one for each batch by name; the rows of batches that are not named are contiguous.
 * Nothing between rows is read or written. An array may end with its last row. The `cols` of a matrix must equal its
 * rowStride.
 *
 * @typeParam Name the batches of the call.
 */
export type RowStride<Name extends string> = number | { readonly [Batch in Name]?: number | undefined };

/**
 * The result of forward: y, and the statistics for backward. Copy the statistics before you transfer their buffers: see
 * {@link RowStats}.
 *
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface Forward<T> extends RowStats {
  /** The output, `rows x size`, of the kind and shape of x: `out` itself if it was given. */
  y: T;
}

/**
 * The result of forward with a residual.
 *
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface SummedForward<T> extends Forward<T> {
  /**
   * x + residual, rounded to the dtype: `rows x size`, of the kind of x. It is the option `sum` itself if that was given.
   */
  sum: T;
}

/**
 * Options of forward. All may be left out.
 *
 * @typeParam T the kind of x.
 * @typeParam Stats the type of `stats`: `boolean` if it may be false.
 */
export interface ForwardOptions<T extends HostArray | Matrix, Stats extends boolean = true> extends Params<T> {
  /** Where y goes: of the kind and shape of x; may be x or the residual itself. Default: a new array or matrix. */
  out?: T | undefined;
  /** Added to x before the norm, of its kind and shape. Default: none. */
  residual?: T | undefined;
  /** Where x + residual goes: of their kind and shape; may be either of them. Default: a new array or matrix. */
  sum?: T | undefined;
  /**
   * Whether the result has mean and rstd. Default true. `false` saves two arrays in each call, for programs that only
   * infer. A prepared call has them always, because they cost nothing there.
   */
  stats?: Stats | undefined;
  /** The distances of rows that are not contiguous, in elements. Default: `size`. */
  rowStride?: RowStride<"x" | "residual" | "sum" | "out"> | undefined;
}

/**
 * The result of backward: gradients. They are the arrays and matrices of `out` if those were given.
 *
 * @typeParam T the kind of dy and x: an array or {@link Matrix}.
 */
export interface Backward<T> {
  /** The gradient with respect to x, `rows x size`, of the kind and shape of x. */
  dx: T;
  /**
   * The gradient with respect to the gain: the sum over the rows that share it, as many elements as the gain. Present if the gain or
   * `out.dGain` was given.
   */
  dGain?: Float32Array | Matrix;
  /**
   * The gradient with respect to the bias: the sum over the rows that share it, as many elements as the bias. Present if the bias or
   * `out.dBias` was given.
   */
  dBias?: Float32Array | Matrix;
}

/**
 * Options of backward. All may be left out.
 *
 * @typeParam T the kind of dy and x.
 */
export interface BackwardOptions<T extends HostArray | Matrix> extends Params<T> {
  /**
   * Where the results go. dx may be dy, x or dSum itself. A place for dGain or dBias also asks for that gradient. Default:
   * new arrays, or new matrices if dy and x are matrices.
   */
  out?: Partial<Backward<T>> | undefined;
  /** Whether dGain and dBias are added to what `out.dGain` and `out.dBias` hold. Default false. */
  accumulate?: boolean | undefined;
  /**
   * Is added to dx: the gradient that reaches x by other ways, if x is the sum of a residual connection. Of the kind and
   * shape of dy. Default: none.
   */
  dSum?: T | undefined;
  /** The distances of rows that are not contiguous, in elements. Default: `size`. */
  rowStride?: RowStride<"dy" | "x" | "dSum" | "dx"> | undefined;
  /** Whether there is a dx. Default true. See {@link ParamsBackwardOptions} for `false`. */
  dx?: true | undefined;
}

/**
 * Options of a backward without dx, if only the gradients of gain and bias are wanted: no dx is made or written.
 *
 * @typeParam T the kind of dy and x.
 */
export interface ParamsBackwardOptions<T extends HostArray | Matrix>
  extends Omit<BackwardOptions<T>, "dx" | "dSum" | "out"> {
  /** That there is no dx. */
  dx: false;
  /** Where the gradients go, as in {@link BackwardOptions}. */
  out?: Omit<Partial<Backward<T>>, "dx"> | undefined;
}

/**
 * Refuses a gain and a bias for a norm that has none.
 *
 * @typeParam P whether the norm has gain and bias.
 */
export type Takes<P extends boolean> = [P] extends [false]
  ? {
      /** There is none. */
      gain?: never;
      /** There is none. */
      bias?: never;
    }
  : unknown;

/**
 * Refuses a place for their gradients.
 *
 * @typeParam P whether the norm has gain and bias.
 */
export type Gives<P extends boolean> = [P] extends [false]
  ? {
      /** Only a place for dx. */
      out?:
        | {
            /** There is none. */
            dGain?: never;
            /** There is none. */
            dBias?: never;
          }
        | undefined;
    }
  : unknown;

/**
 * Refuses options of unknown names.
 *
 * @typeParam O the type of the options.
 */
export type OnlyBackwardOptions<O> = {
  [Name in Exclude<keyof O, keyof BackwardOptions<HostArray>>]: never;
};

/**
 * The gradient of gain or bias: of the type of its place in `out`, or else an array or a matrix, as dy and x are.
 *
 * @typeParam T the kind of dy and x.
 * @typeParam O the type of the options.
 * @typeParam Param which of both.
 * @typeParam Name the name of its gradient.
 */
export type ParamGradient<T, O, Param extends "gain" | "bias", Name extends "dGain" | "dBias"> = O extends {
  /** Where the gradient goes. */
  readonly out: { readonly [N in Name]: infer Place extends Float32Array | Matrix };
}
  ? { [N in Name]: Place }
  : O extends { readonly [N in Param]: HostArray | Matrix }
    ? { [N in Name]: T extends Matrix ? Matrix<"f32"> : Float32Array }
    : Extract<keyof O, Param | "out"> extends never
      ? { [N in Name]?: never }
      : { [N in Name]?: Float32Array | Matrix };

/**
 * The result of backward for given options: each gradient that they certainly ask for is certainly there.
 *
 * @typeParam T the kind of dy and x: an array or {@link Matrix}.
 * @typeParam O the type of the options.
 */
export type BackwardOf<T, O> = {
  /** The gradient with respect to x, `rows x size`, of the kind and shape of x. */
  dx: T;
} & ParamGradients<T, O>;

/**
 * The gradients of gain and bias for given options, as in {@link BackwardOf}.
 *
 * @typeParam T the kind of dy and x: an array or {@link Matrix}.
 * @typeParam O the type of the options.
 */
export type ParamGradients<T, O> = ParamGradient<T, O, "gain", "dGain"> & ParamGradient<T, O, "bias", "dBias">;
