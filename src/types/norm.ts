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
}
