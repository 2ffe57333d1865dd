import type { DType, HalfArray } from "./elements.js";
import type { Matrix } from "./matrix.js";

/**
 * The batches that a norm of a dtype takes: arrays that can hold it, and matrices, whose dtype the call checks.
 *
 * @typeParam D the dtype.
 */
export type Batch<D extends DType> =
  | Matrix
  | (D extends "f32" ? Float32Array : D extends "f16" ? Uint16Array | HalfArray : Uint16Array);
