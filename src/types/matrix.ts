/// <reference lib="esnext.disposable" preserve="true" />
import type { DType, ElementArray } from "./elements.js";

/**
 * A batch in the module's linear memory: calls on it copy nothing. Made by `kernels.matrix`.
 *
 * @typeParam D the element type.
 */
export interface Matrix<D extends DType = DType> {
  /** Number of rows, 0 or more. */
  readonly rows: number;
  /** Number of elements in a row, 1 or more. */
  readonly cols: number;
  /** How the elements are stored. */
  readonly dtype: D;
  /**
   * The elements, `rows * cols` of them, as a live view: writing to it writes to the matrix. Read it afresh after every
   * call that may allocate: when the memory grows, views taken before are detached and read as empty. A view keeps its
   * matrix from being collected; a subarray of it does not.
   *
   * @throws TypeError when the matrix was freed.
   */
  readonly data: ElementArray<D>;
  /**
   * A copy of the elements that the caller owns.
   *
   * @throws TypeError when the matrix was freed.
   */
  toArray(): ElementArray<D>;
  /**
   * A copy of the elements as floats, for the caller to own: exact, as f32 holds every f16 and bf16.
   *
   * @throws TypeError when the matrix was freed; RangeError when memory runs out.
   */
  toFloat32(): Float32Array;
  /** Gives the memory back. Every later use of the matrix throws; a second `free()` does nothing. */
  free(): void;
  /** The same as {@link free}, for `using m = kernels.matrix(...)`. */
  [Symbol.dispose](): void;
}
