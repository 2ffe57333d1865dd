/// <reference lib="esnext.disposable" preserve="true" />
import type {
  Backward,
  BackwardOf,
  BackwardOptions,
  Forward,
  ForwardOptions,
  Gives,
  OnlyBackwardOptions,
  ParamGradients,
  ParamsBackwardOptions,
  RowStats,
  SummedForward,
  Takes,
} from "./calls.js";
import type { DType } from "./elements.js";
import type { Matrix } from "./matrix.js";
import type { Batch } from "./storage.js";

/**
 * A norm with its options. It keeps no state between calls: pass the statistics that forward returned to backward.
 *
 * @typeParam D the dtype of its batches. Default: any, which is checked by the call itself.
 * @typeParam P whether it has gain and bias. Default: that is checked by the call itself.
 */
export interface Norm<D extends DType = DType, P extends boolean = boolean> {
  /** H, the length of one row. For groupNorm and instanceNorm, channels / groups x spatial. */
  readonly size: number;
  /**
   * Normalises every row of x + residual.
   *
   * If x is an array, so are the results; if x is a {@link Matrix}, so are the results.
   *
   * @typeParam T the kind of x, y and sum: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual.
   * @returns y; mean and rstd of each row, which are the `stats` of backward; and sum = x + residual, rounded to the dtype,
   * which is the x of backward. y is exactly the result of forward for that sum.
   * @throws TypeError if an argument is of the wrong kind, freed, or a matrix of other kernels; RangeError if shapes
   * disagree, if an output partly overlaps an input, or if the memory is exhausted. No result has been written then.
   */
  forward<T extends Batch<D>>(x: T, options: ForwardOptions<T> & Takes<P> & { residual: T }): SummedForward<T>;
  /**
   * Normalises every row of x + residual and returns no statistics, for programs that only infer.
   *
   * @typeParam T the kind of x, y and sum: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual and `stats: false`.
   * @returns y and sum.
   * @throws the same errors as with statistics.
   */
  forward<T extends Batch<D>>(
    x: T,
    options: ForwardOptions<T, boolean> & Takes<P> & { residual: T; stats: false },
  ): Omit<SummedForward<T>, keyof RowStats>;
  /**
   * Normalises every row of x and returns no statistics, for programs that only infer.
   *
   * @typeParam T the kind of x and y: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with `stats: false`.
   * @returns y.
   * @throws the same errors as with statistics.
   */
  forward<T extends Batch<D>>(
    x: T,
    options: ForwardOptions<T, boolean> & Takes<P> & { stats: false },
  ): Omit<Forward<T>, keyof RowStats>;
  /**
   * Normalises every row of x.
   *
   * @typeParam T the kind of x and y: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}.
   * @returns y, and mean and rstd of each row, which are the `stats` of backward.
   * @throws the same errors as with a residual.
   */
  forward<T extends Batch<D>>(x: T, options?: ForwardOptions<T> & Takes<P>): Forward<T>;
  /**
   * Computes the gradients with respect to x and to the given parameters.
   *
   * @typeParam T the kind of dy, x and dx: an array or {@link Matrix}.
   * @typeParam O the type of the options.
   * @param dy the upstream gradient, with respect to the y of forward: `rows x size`.
   * @param x the x of forward or, with a residual, the sum that forward returned: `rows x size`.
   * @param stats mean and rstd, which forward returned. Default: found again from x, to the same bytes.
   * @param options see {@link BackwardOptions}; gain and bias are those of forward.
   * @returns dx, and dGain and dBias if asked for. With a residual, dx is the gradient of x and also that of the residual.
   * @throws TypeError and RangeError as {@link forward} does; also TypeError if `accumulate` is set and there is no array
   * or matrix to add to.
   */
  backward<T extends Batch<D>, const O extends BackwardOptions<T>>(
    dy: T,
    x: T,
    stats: RowStats | undefined,
    options: O & OnlyBackwardOptions<O> & Takes<P> & Gives<P>,
  ): BackwardOf<T, O>;
  /**
   * Computes the gradients with respect to gain and bias only: makes and writes no dx.
   *
   * @typeParam T the kind of dy and x: an array or {@link Matrix}.
   * @typeParam O the type of the options.
   * @param dy the upstream gradient: `rows x size`.
   * @param x the x of forward: `rows x size`.
   * @param stats mean and rstd, which forward returned. Default: found again from x.
   * @param options see {@link ParamsBackwardOptions}.
   * @returns dGain and dBias, if asked for.
   * @throws the same errors; also RangeError if neither is asked for.
   */
  backward<T extends Batch<D>, const O extends ParamsBackwardOptions<T>>(
    dy: T,
    x: T,
    stats: RowStats | undefined,
    options: O & OnlyBackwardOptions<O> & Takes<P> & Gives<P>,
  ): ParamGradients<T, O>;
  /**
   * The same, for options of which it is not known what they hold.
   *
   * @typeParam T the kind of dy, x and dx: an array or {@link Matrix}.
   * @param dy the upstream gradient: `rows x size`.
   * @param x the x of forward: `rows x size`.
   * @param stats mean and rstd, which forward returned. Default: found again from x.
   * @param options see {@link BackwardOptions}.
   * @returns dx, and dGain and dBias if asked for.
   * @throws the same errors.
   */
  backward<T extends Batch<D>>(
    dy: T,
    x: T,
    stats?: RowStats,
    options?: BackwardOptions<T> & Takes<P> & Gives<P>,
  ): Backward<T>;
  /**
   * Prepares forward with a residual: see {@link prepareForward} without one.
   *
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual.
   */
  prepareForward(
    x: Matrix,
    options: ForwardOptions<Matrix, boolean> & { residual: Matrix },
  ): Prepared<SummedForward<Matrix>>;
  /**
   * Prepares forward on matrices, for many runs. It checks the arguments and makes the results only once, so a run does
   * little more than the kernel. The statistics stay in linear memory.
   *
   * @param x `rows x size` elements, which every run reads.
   * @param options see {@link ForwardOptions}; gain and bias must be matrices too.
   * @returns the prepared call. It holds memory: see {@link Prepared.free}.
   * @throws the same errors as {@link forward}.
   */
  prepareForward(x: Matrix, options?: ForwardOptions<Matrix, boolean>): Prepared<Forward<Matrix>>;
  /**
   * Prepares backward on matrices: see {@link prepareForward}.
   *
   * @typeParam O the type of the options.
   * @param dy the upstream gradient, with respect to the y of forward: `rows x size`.
   * @param x the x of forward or, with a residual, the sum that forward returned: `rows x size`.
   * @param stats a prepared forward with the same number of rows, or its result: every run reads the statistics in place.
   * Or the statistics of an ordinary forward: they are copied once. Default: every run finds them again from x.
   * @param options see {@link BackwardOptions}; gain and bias must be matrices too. With `accumulate`, every run adds.
   * @returns the prepared call. It holds memory: see {@link Prepared.free}.
   * @throws the same errors as {@link backward}.
   */
  prepareBackward<const O extends BackwardOptions<Matrix>>(
    dy: Matrix,
    x: Matrix,
    stats: RowStats | Prepared<Forward<Matrix>> | undefined,
    options: O & OnlyBackwardOptions<O>,
  ): Prepared<BackwardOf<Matrix, O>>;
  /**
   * Prepares backward for the gradients of gain and bias only.
   *
   * @typeParam O the type of the options.
   * @param dy the upstream gradient: `rows x size`.
   * @param x the x of forward: `rows x size`.
   * @param stats as in {@link prepareBackward} with dx.
   * @param options see {@link ParamsBackwardOptions}.
   * @returns the prepared call.
   * @throws the same errors.
   */
  prepareBackward<const O extends ParamsBackwardOptions<Matrix>>(
    dy: Matrix,
    x: Matrix,
    stats: RowStats | Prepared<Forward<Matrix>> | undefined,
    options: O & OnlyBackwardOptions<O>,
  ): Prepared<ParamGradients<Matrix, O>>;
  /**
   * The same, for options of which it is not known what they hold.
   *
   * @param dy the upstream gradient: `rows x size`.
   * @param x the x of forward: `rows x size`.
   * @param stats as in {@link prepareBackward} with known options.
   * @param options see {@link BackwardOptions}.
   * @returns the prepared call.
   * @throws the same errors.
   */
  prepareBackward(
    dy: Matrix,
    x: Matrix,
    stats?: RowStats | Prepared<Forward<Matrix>>,
    options?: BackwardOptions<Matrix>,
  ): Prepared<Backward<Matrix>>;
}

/**
 * A prepared call on matrices. If nobody holds it, it is collected, and its memory is freed.
 *
 * @typeParam R the type of the result.
 */
export interface Prepared<R> {
  /**
   * Runs the call on the present elements of the matrices.
   *
   * @param rows the number of rows to run on, from the first: an integer from 0 to the number of all rows. Default: all
   * rows. The other rows are not written.
   * @returns {@link result}.
   * @throws TypeError if the call was freed, or one of its matrices, or the prepared forward whose statistics it reads;
   * TypeError or RangeError if `rows` is wrong. No result has been written then. Calls on 16-bit matrices need memory that
   * they share with other calls, and throw RangeError if that cannot be allocated.
   */
  run(rows?: number): R;
  /**
   * The results: the same object after every run, zeros before the first one. mean and rstd are getters, which make live
   * views of the linear memory: read them again after every call that may allocate. They throw TypeError if the call was
   * freed.
   */
  readonly result: R;
  /**
   * Frees the memory of the call, and the matrices that it made for results. It does not free matrices that it was given. A
   * second `free()` does nothing.
   */
  free(): void;
  /** The same as {@link free}, for `using call = norm.prepareForward(...)`. */
  [Symbol.dispose](): void;
}
