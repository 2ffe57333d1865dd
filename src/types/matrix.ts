/// <reference lib="esnext.disposable" preserve="true" />
import type { DType, ElementArray } from "./elements.js";

/**
 * A batch in the linear memory of the kernels, so that calls do not copy it. `kernels.matrix` makes it.
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
   * A live view of the `rows * cols` elements: writing to it writes to the matrix. Read `data` again after every call that
   * may allocate: when the memory grows, earlier views are detached and read as empty. A view keeps its matrix from being
   * collected; a subarray of a view does not.
   *
   * @throws TypeError if the matrix was freed.
   */
  readonly data: ElementArray<D>;
  /**
   * Copies the elements into an array that the caller owns.
   *
   * @throws TypeError if the matrix was freed.
   */
  toArray(): ElementArray<D>;
  /**
   * Copies the elements as f32 into an array that the caller owns. This is exact, because f32 holds every f16 and bf16.
   *
   * @throws TypeError if the matrix was freed; RangeError if the memory is exhausted.
   */
  toFloat32(): Float32Array;
  /** Frees the memory. Every later use of the matrix throws, but a second `free()` does nothing. */
  free(): void;
  /** The same as {@link free}, for `using m = kernels.matrix(...)`. */
  [Symbol.dispose](): void;
}
