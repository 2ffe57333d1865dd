/// <reference lib="esnext.disposable" preserve="true" />
import type { Backward, BackwardOptions, Forward, ForwardOptions, RowStats, SummedForward } from "./calls.js";
import type { HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/** A norm bound to its options. It keeps nothing between calls: what backward needs is what forward returned. */
export interface Norm {
  /** H, the length of one row. */
  readonly size: number;
  /**
   * Normalises every row of x + residual.
   *
   * An array gives an array, a {@link Matrix} gives a Matrix.
   *
   * @typeParam T the kind of x, and so of y and sum: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual.
   * @returns y, the mean and rstd of each row, which backward takes as its `stats`, and sum = x + residual, rounded to the
   * dtype, which is what backward takes as its x: y is what forward gives for it.
   * @throws TypeError when an argument is of the wrong kind, freed, or a matrix of other kernels; RangeError when shapes
   * disagree, when an output overlaps an input in part, or when memory runs out. Nothing has been written then.
   */
  forward<T extends HostArray | Matrix>(x: T, options: ForwardOptions<T> & { residual: T }): SummedForward<T>;
  /**
   * The same for those who only infer: without statistics.
   *
   * @typeParam T the kind of x, and so of y and sum: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual and `stats: false`.
   * @returns y and sum.
   * @throws as with statistics.
   */
  forward<T extends HostArray | Matrix>(
    x: T,
    options: ForwardOptions<T, boolean> & { residual: T; stats: false },
  ): Omit<SummedForward<T>, keyof RowStats>;
  /**
   * Normalises every row of x, for those who only infer: without statistics.
   *
   * @typeParam T the kind of x, and so of y: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with `stats: false`.
   * @returns y.
   * @throws as with statistics.
   */
  forward<T extends HostArray | Matrix>(
    x: T,
    options: ForwardOptions<T, boolean> & { stats: false },
  ): Omit<Forward<T>, keyof RowStats>;
  /**
   * Normalises every row of x.
   *
   * @typeParam T the kind of x, and so of y: an array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}.
   * @returns y, and the mean and rstd of each row, which backward takes as its `stats`.
   * @throws as with a residual.
   */
  forward<T extends HostArray | Matrix>(x: T, options?: ForwardOptions<T>): Forward<T>;
  /**
   * The gradient with respect to x, and to the parameters that are given.
   *
   * @typeParam T the kind of dy and x, and so of dx: an array or {@link Matrix}.
   * @param dy the gradient with respect to what forward returned, `rows x size`.
   * @param x what forward was given, or the sum that it returned, `rows x size`.
   * @param stats what forward returned with it. Default: found again from x, to the same bytes.
   * @param options see {@link BackwardOptions}; gain and bias are those that forward was given.
   * @returns dx, which with a residual is the gradient of x and of the residual alike; dGain and dBias where they were
   * asked for.
   * @throws TypeError and RangeError as {@link forward} does; TypeError also where `accumulate` is set and there is nothing
   * to add onto.
   */
  backward<T extends HostArray | Matrix>(dy: T, x: T, stats?: RowStats, options?: BackwardOptions<T>): Backward<T>;
  /**
   * Prepares forward with a residual: see {@link prepareForward} without.
   *
   * @param x `rows x size` elements.
   * @param options see {@link ForwardOptions}; here with a residual.
   */
  prepareForward(
    x: Matrix,
    options: ForwardOptions<Matrix, boolean> & { residual: Matrix },
  ): Prepared<SummedForward<Matrix>>;
  /**
   * Prepares forward on matrices, for many runs: arguments are checked, and results get their places, once. A run is the
   * kernel and little else. The statistics stay in linear memory.
   *
   * @param x `rows x size` elements, which every run reads.
   * @param options see {@link ForwardOptions}; gain and bias have to be matrices too.
   * @returns the prepared call. It holds memory: see {@link Prepared.free}.
   * @throws as {@link forward} does.
   */
  prepareForward(x: Matrix, options?: ForwardOptions<Matrix, boolean>): Prepared<Forward<Matrix>>;
  /**
   * Prepares backward on matrices: see {@link prepareForward}.
   *
   * @param dy the gradient with respect to what forward returned, `rows x size`.
   * @param x what forward was given, or the sum that it returned, `rows x size`.
   * @param stats a prepared forward of as many rows, or its result: its statistics are read where they lie, at every run.
   * Those of another forward are copied once. Default: found again from x by every run.
   * @param options see {@link BackwardOptions}; gain and bias have to be matrices too. With `accumulate`, every run adds.
   * @returns the prepared call. It holds memory: see {@link Prepared.free}.
   * @throws as {@link backward} does.
   */
  prepareBackward(
    dy: Matrix,
    x: Matrix,
    stats?: RowStats | Prepared<Forward<Matrix>>,
    options?: BackwardOptions<Matrix>,
  ): Prepared<Backward<Matrix>>;
}

/**
 * A call on matrices that was checked and laid out once. One that nobody holds is collected, with what it holds.
 *
 * @typeParam R what the call gives.
 */
export interface Prepared<R> {
  /**
   * Runs the call on what the matrices hold now.
   *
   * @param rows on so many of the first rows: an integer, 0 or more. Default: all of them. The others are not written.
   * @returns {@link result}.
   * @throws TypeError when the call was freed, one of its matrices, or the prepared forward whose statistics it reads;
   * TypeError or RangeError when `rows` is no such number. Nothing has been written then. Calls on 16-bit matrices pass through
   * memory that they share, and throw RangeError when there is none to be had.
   */
  run(rows?: number): R;
  /**
   * The results: the same object after every run. mean and rstd are live views of the linear memory, made anew at each read:
   * read them again after every call that may allocate. They throw TypeError when the call was freed.
   */
  readonly result: R;
  /**
   * Gives back what the call holds: its memory, and the matrices that it made for results, not those that it was given. A
   * second `free()` does nothing.
   */
  free(): void;
  /** The same as {@link free}, for `using call = norm.prepareForward(...)`. */
  [Symbol.dispose](): void;
}
