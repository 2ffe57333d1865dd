import type { DType, HostArray } from "./elements.js";
import type { Matrix } from "./matrix.js";
import type { Norm } from "./norm.js";
import type { AdaNormOptions, GroupNormOptions, InstanceNormOptions, L2NormOptions, StatsOptions } from "./options.js";
import type { Rows } from "./rows.js";

/**
 * One instance of the module, with a linear memory of its own. Its norms, reductions and matrices work with each other, but
 * not with those of other instances. It needs no closing: an instance that nobody holds is collected.
 */
export interface Kernels {
  /**
   * LayerNorm: y = gain (x - mean) / sigma + bias, gain and bias each optional.
   *
   * Source: Ba, Kiros and Hinton, "Layer Normalization", 2016 (arXiv 1607.06450).
   *
   * @typeParam D the dtype.
   * @param options see {@link StatsOptions}; size is required.
   * @throws TypeError or RangeError that names the option, what was expected and what was given. The other norms do the
   * same.
   */
  layerNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, true>;
  /**
   * LayerNorm-simple: y = (x - mean) / sigma, without gain and bias.
   *
   * Source: Xu, Sun, Zhang, Zhao and Lin, "Understanding and Improving Layer Normalization", NeurIPS 2019
   * (arXiv 1911.07013).
   *
   * @typeParam D the dtype.
   * @param options see {@link StatsOptions}; size is required.
   */
  layerNormSimple<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, false>;
  /**
   * DetachNorm: forward is that of {@link layerNormSimple}; backward holds mean and sigma constant.
   *
   * Source: that of {@link layerNormSimple}.
   *
   * @typeParam D the dtype.
   * @param options see {@link StatsOptions}; size is required, detachMean and detachStd default to true.
   */
  detachNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, false>;
  /**
   * AdaNorm: y = C (1 - k z) z, where z = (x - mean) / sigma; backward holds C (1 - k z) constant.
   *
   * Source: that of {@link layerNormSimple}.
   *
   * @typeParam D the dtype.
   * @param options see {@link AdaNormOptions}; size is required.
   */
  adaNorm<D extends DType = "f32">(options: AdaNormOptions<D>): Norm<D, false>;
  /**
   * RMSNorm: y = gain x / sqrt(mean(x^2) + eps) + bias, gain and bias each optional.
   *
   * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019 (arXiv 1910.07467).
   *
   * @typeParam D the dtype.
   * @param options see {@link StatsOptions}; size is required.
   */
  rmsNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, true>;
  /**
   * Unit vectors: y = x / max(|x|, eps), where |x| = sqrt(sum x^2). `torch.nn.functional.normalize` computes the same. Its
   * statistics are mean = 0 and rstd = 1 / max(|x|, eps). Backward holds the divisor constant where it is eps.
   *
   * @typeParam D the dtype.
   * @param options see {@link L2NormOptions}; size is required.
   */
  l2Norm<D extends DType = "f32">(options: L2NormOptions<D>): Norm<D, false>;
  /**
   * GroupNorm: layerNorm over each group of channels of a sample, with a gain and a bias for each channel, each optional.
   *
   * Channels come first: x holds whole samples of `channels x spatial` elements (N, C, H, W with `spatial` = H W). A row is one group of
   * one sample, so `size` of the norm is channels / groups x spatial, a matrix has that many `cols`, and mean and rstd have one number
   * for each sample and group (N x groups). gain, bias, dGain and dBias have `channels` elements; the gradients are summed over
   * `spatial` and over all samples. `torch.nn.GroupNorm` computes the same.
   *
   * Source: Wu and He, "Group Normalization", ECCV 2018 (arXiv 1803.08494).
   *
   * @typeParam D the dtype.
   * @param options see {@link GroupNormOptions}; channels, groups and spatial are required.
   */
  groupNorm<D extends DType = "f32">(options: GroupNormOptions<D>): Norm<D, true>;
  /**
   * InstanceNorm: {@link groupNorm} with a group for each channel. It has no running statistics.
   *
   * Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016
   * (arXiv 1607.08022).
   *
   * @typeParam D the dtype.
   * @param options see {@link InstanceNormOptions}; channels and spatial are required.
   */
  instanceNorm<D extends DType = "f32">(options: InstanceNormOptions<D>): Norm<D, true>;
  /**
   * Reductions over rows of `size` elements: sums, means, norms, extremes; and rows as 8-bit integers and as bits.
   *
   * @param size H, the length of one row: an integer, 1 or more.
   * @param options `dtype`, how x is stored: default `"f32"`.
   * @throws TypeError or RangeError that names the argument, what was expected and what was given.
   */
  rows(size: number, options?: { dtype?: DType | undefined }): Rows;

  /**
   * Makes a batch of zeros in linear memory.
   *
   * @typeParam D the element type.
   * @param rows an integer, 0 or more.
   * @param cols an integer, 1 or more.
   * @param dtype how the elements are stored. Default `"f32"`.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range or the memory is exhausted.
   */
  matrix<D extends DType = "f32">(rows: number, cols: number, dtype?: D): Matrix<D>;
  /**
   * Copies `source`, which holds f32, into linear memory: `source.length / cols` rows.
   *
   * @param source the elements, row after row. Its length is a multiple of cols.
   * @param cols an integer, 1 or more.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range, if the length of source is
   * not a multiple of cols, or if the memory is exhausted.
   */
  matrix(source: Float32Array, cols: number): Matrix<"f32">;
  /**
   * Copies `source` into linear memory: `source.length / cols` rows, converted if `dtype` is not that of source.
   *
   * @typeParam D the element type.
   * @param source the elements, row after row. Its length is a multiple of cols. A Uint16Array holds bits of `dtype`.
   * @param cols an integer, 1 or more.
   * @param dtype how the matrix stores the elements.
   * @throws the same errors as without `dtype`; also TypeError if source is a Uint16Array and dtype is `"f32"`, because its
   * bits could be f16 or bf16.
   */
  matrix<D extends DType>(source: HostArray, cols: number, dtype: D): Matrix<D>;
  /**
   * Copies `source` into linear memory: `source.length / cols` rows.
   *
   * @param source the elements, row after row. Its length is a multiple of cols.
   * @param cols an integer, 1 or more.
   * @param dtype how the matrix stores the elements. Default: that of source, `"f32"` or `"f16"`. Required for a
   * Uint16Array.
   * @throws the same errors as with `dtype`.
   */
  matrix(source: HostArray, cols: number, dtype?: DType): Matrix;

  /** Which build runs: `"relaxed-simd"` if it was asked for and the engine has it, otherwise `"simd128"`. */
  readonly simd: "simd128" | "relaxed-simd";
  /**
   * How many threads share a large call, this one included: 1 unless `load` was asked for more and the host had them. It
   * falls if a thread dies.
   */
  readonly threads: number;
  /**
   * Ends the threads, if any. Calls go on with one, and matrices stay. A program ends by itself without this, and threads
   * of an instance that nobody holds are ended.
   */
  close(): void;
  /** How much memory is in use now. */
  readonly memory: {
    /** Total bytes of live matrices. */
    used: number;
    /** Bytes of the linear memory. It grows with matrices and with the length of rows, and never shrinks. */
    size: number;
  };
}

/**
 * `WebAssembly.Module` if the libraries of the program declare it, as those of the DOM and of workers do, but not Node's.
 */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module & object
  : object;

/** What is used of a worker: that of browsers, Deno and Bun, or that of node:worker_threads. */
export interface ThreadWorker {
  /**
   * Sends a message to the worker.
   *
   * @param message what the thread needs to start.
   */
  postMessage(message: unknown): void;
  /** Ends the worker. */
  terminate(): unknown;
}

/** Options of load and loadSync. All may be left out. */
export interface LoadOptions {
  /**
   * Whether to use fused multiply-add if the engine has it. It is faster, but results are no longer the same bytes on every
   * engine. Default false. The portable build runs if the engine lacks it, and always in loadSync, which has no other
   * build.
   */
  relaxedSimd?: boolean | undefined;
  /**
   * The limit of the linear memory, in bytes, rounded down to whole pages of 65,536: one page or more, at most 4 GiB. An
   * allocation beyond it throws RangeError and changes nothing. With threads, a quarter is set aside for calls on arrays, which
   * have a memory of their own. Default: the limit of the engine.
   */
  maximumBytes?: number | undefined;
  /**
   * How many threads share large calls on matrices, this one included: an integer, 1 or more, at most 128. Results are the same
   * bytes for any number. Default 1. There is one thread, and no error, where the host has no shared memory (a page that is
   * not isolated, Cloudflare Workers), where it forbids the workers, or where they do not answer: `kernels.threads` tells. No
   * effect in loadSync.
   */
  threads?: number | undefined;
  /**
   * Makes a worker that runs `adanorm/thread`, for bundlers and policies that the default does not suit. It is called once for each
   * thread but this one. Default: a worker of the file `thread.js` beside this package's others.
   */
  createWorker?: (() => ThreadWorker) | undefined;
  /**
   * The compiled module or its bytes, for hosts that must supply it. Default: the module of this package. For threads it must
   * be the build for shared memory, `adanorm/wasm/shared`; with another there is one thread. Where there are no threads, the build
   * for shared memory runs on one, if the host has such memory.
   */
  module?: WasmModule | ArrayBuffer | ArrayBufferView | undefined;
}
