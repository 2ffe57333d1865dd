import type { DType, HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";
import type { Norm } from "./norm.js";
import type { AdaNormOptions, StatsOptions } from "./options.js";
import type { Rows } from "./rows.js";

/**
 * One instance of the module, with a linear memory of its own. Its norms, reductions and matrices work with each other,
 * and with no other instance's. Nothing has to be closed: an instance that nobody holds is collected.
 */
export interface Kernels {
  /**
   * LayerNorm: y = gain (x - mean) / sigma + bias, gain and bias each optional.
   *
   * Source: Ba, Kiros and Hinton, "Layer Normalization", 2016 (arXiv 1607.06450).
   *
   * @param options see {@link StatsOptions}; size is required.
   * @throws TypeError or RangeError that names the option, what was expected and what came; so do the other norms.
   */
  layerNorm(options: StatsOptions): Norm;
  /**
   * LayerNorm-simple: y = (x - mean) / sigma, without gain and bias.
   *
   * Source: Xu, Sun, Zhang, Zhao and Lin, "Understanding and Improving Layer Normalization", NeurIPS 2019
   * (arXiv 1911.07013).
   *
   * @param options see {@link StatsOptions}; size is required.
   */
  layerNormSimple(options: StatsOptions): Norm;
  /**
   * DetachNorm: forward as {@link layerNormSimple}; backward holds mean and sigma constant. Source: the same.
   *
   * @param options see {@link StatsOptions}; size is required, detachMean and detachStd default to true.
   */
  detachNorm(options: StatsOptions): Norm;
  /**
   * AdaNorm: y = C (1 - k z) z, z = (x - mean) / sigma; backward holds C (1 - k z) constant. Source: the same.
   *
   * @param options see {@link AdaNormOptions}; size is required.
   */
  adaNorm(options: AdaNormOptions): Norm;
  /**
   * RMSNorm: y = gain x / sqrt(mean(x^2) + eps) + bias, gain and bias each optional.
   *
   * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019 (arXiv 1910.07467).
   *
   * @param options see {@link StatsOptions}; size is required.
   */
  rmsNorm(options: StatsOptions): Norm;
  /**
   * Reductions over rows of `size` elements: sums, means, norms, extremes.
   *
   * @param size H, the length of one row: an integer, 1 or more.
   * @param options `dtype`, how x is stored: default `"f32"`.
   * @throws TypeError or RangeError that names the argument, what was expected and what came.
   */
  rows(size: number, options?: { dtype?: DType | undefined }): Rows;

  /**
   * A batch of zeros in linear memory.
   *
   * @typeParam D the element type.
   * @param rows an integer, 0 or more.
   * @param cols an integer, 1 or more.
   * @param dtype how the elements are stored. Default `"f32"`.
   * @throws TypeError when an argument is of the wrong kind; RangeError when one is out of range or memory runs out.
   */
  matrix<D extends DType = "f32">(rows: number, cols: number, dtype?: D): Matrix<D>;
  /**
   * A copy of `source` in linear memory, `source.length / cols` rows: of f32.
   *
   * @param source the elements, row after row; a multiple of cols of them.
   * @param cols an integer, 1 or more.
   * @throws TypeError when an argument is of the wrong kind; RangeError when one is out of range, the length of source no
   * multiple of cols, or memory runs out.
   */
  matrix(source: Float32Array, cols: number): Matrix<"f32">;
  /**
   * A copy of `source` in linear memory, `source.length / cols` rows, converted to `dtype` where it is of another.
   *
   * @typeParam D the element type.
   * @param source the elements, row after row; a multiple of cols of them. Those of a Uint16Array are bits of the dtype.
   * @param cols an integer, 1 or more.
   * @param dtype how the elements are to be stored.
   * @throws as without `dtype`; TypeError also where a Uint16Array is to become f32, for its bits might be f16 or bf16.
   */
  matrix<D extends DType>(source: HostArray, cols: number, dtype: D): Matrix<D>;
  /**
   * A copy of `source` in linear memory, `source.length / cols` rows.
   *
   * @param source the elements, row after row; a multiple of cols of them.
   * @param cols an integer, 1 or more.
   * @param dtype how the elements are to be stored. Default: as in source, `"f32"` or `"f16"`; required for a Uint16Array.
   * @throws as above.
   */
  matrix(source: HostArray, cols: number, dtype?: DType): Matrix;

  /** Which build runs: `"relaxed-simd"` where that was asked for and the engine has it. */
  readonly simd: "simd128" | "relaxed-simd";
  /** How much memory is taken, at the time of asking. */
  readonly memory: {
    /** Bytes that live matrices hold. */
    used: number;
    /** Size of the linear memory in bytes: it grows with matrices and the length of rows, and never shrinks. */
    size: number;
  };
}

/** A `WebAssembly.Module` where the program's libraries declare it: those of the DOM and of workers do, Node's do not. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module & object
  : object;

/** Options of load and loadSync. All may be left out. */
export interface LoadOptions {
  /**
   * Use fused multiply-add where the engine has it: faster, and no longer the same bytes on every engine. Default false.
   * Where the engine lacks it, and in loadSync, which has only the portable build at hand, the portable build runs.
   */
  relaxedSimd?: boolean | undefined;
  /**
   * A cap on the linear memory, in bytes, rounded down to whole pages of 65,536: one page or more, at most 4 GiB. An
   * allocation past it throws RangeError and nothing is lost. Default: as far as the engine goes.
   */
  maximumBytes?: number | undefined;
  /** The compiled module or its bytes, for hosts that supply their own. Default: the one that came with this package. */
  module?: WasmModule | ArrayBuffer | ArrayBufferView | undefined;
}
