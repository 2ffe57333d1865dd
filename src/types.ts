/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The public types. Everywhere a batch is `rows x size`, row-major: one row is one normalised vector of `size` (H)
 * elements. A tensor of any rank whose trailing axes are normalised is such a batch; `size` is the product of those
 * axes.
 */

/** An array that the caller owns: `rows * size` elements, row after row, or the `size` elements of a gain or bias. */
export type HostArray = Float32Array;

/** A batch of f32 in the module's linear memory: calls on it copy nothing. Made by {@link Kernels.matrix}. */
export interface Matrix {
  /** Number of rows, 0 or more. */
  readonly rows: number;
  /** Number of elements in a row, 1 or more. */
  readonly cols: number;
  /**
   * The elements, `rows * cols` of them, as a live view: writing to it writes to the matrix. Read it afresh after every
   * call that may allocate: when the memory grows, views taken before are detached and read as empty. A view keeps its
   * matrix from being collected; a subarray of it does not.
   *
   * @throws TypeError when the matrix was freed.
   */
  readonly data: Float32Array;
  /**
   * A copy of the elements that the caller owns.
   *
   * @throws TypeError when the matrix was freed.
   */
  toArray(): Float32Array;
  /** Gives the memory back. Every later use of the matrix throws; a second `free()` does nothing. */
  free(): void;
  /** The same as {@link free}, for `using m = kernels.matrix(...)`. */
  [Symbol.dispose](): void;
}

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

/** Options that every norm takes. Those that are left out, or undefined, have the defaults named here. */
export interface StatsOptions {
  /** H, the length of one row. An integer, 1 or more. */
  size: number;
  /** Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5. */
  eps?: number | undefined;
  /**
   * Where eps is added. `"variance"` (default): sigma = sqrt(var + eps), as in the paper, PyTorch and ONNX.
   * `"std"`: sigma = sqrt(var) + eps, as in the paper's code.
   */
  epsAt?: "variance" | "std" | undefined;
  /**
   * What is subtracted from H in the variance: 0 (default; the paper, PyTorch) or 1 (the paper's code, torch.std).
   * rmsNorm has no variance: there it changes nothing.
   */
  ddof?: 0 | 1 | undefined;
  /** Hold the mean constant in backward. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Hold the standard deviation constant in backward. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
}

/** Options of adaNorm: those of every norm, and the three of phi, what y is multiplied by. */
export interface AdaNormOptions extends StatsOptions {
  /** C, the mean of phi over a row. Finite, more than 0. Default 1. */
  scale?: number | undefined;
  /** k in phi(y) = C (1 - k y). Finite, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Hold phi(y) constant in backward, as the paper does. Default true; false differentiates it too. */
  detachScale?: boolean | undefined;
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
 * What forward returns: the result, and the statistics for backward, which come with the caution of {@link RowStats}:
 * copy them before transferring their buffers.
 *
 * @typeParam T the kind of x: Float32Array or {@link Matrix}.
 */
export interface Forward<T> extends RowStats {
  /** The result, `rows x size`, of the kind and shape of x; `out` itself where that was given. */
  y: T;
}

/**
 * What backward returns: gradients, `out`'s own arrays and matrices where those were given.
 *
 * @typeParam T the kind of dy and x: Float32Array or {@link Matrix}.
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

/** A norm bound to its options. It keeps nothing between calls: what backward needs is what forward returned. */
export interface Norm {
  /** H, the length of one row. */
  readonly size: number;
  /**
   * Normalises every row of x.
   *
   * An array gives an array, a {@link Matrix} gives a Matrix.
   *
   * @typeParam T the kind of x, and so of y: Float32Array or {@link Matrix}.
   * @param x `rows x size` elements.
   * @param options gain and bias, for norms that have them; `out`, where the result goes: of the kind and shape of x,
   * and x itself if that is wanted. Default: a new array or matrix.
   * @returns y, and the mean and rstd of each row, which backward takes as its `stats`.
   * @throws TypeError when an argument is of the wrong kind, freed, or a matrix of other kernels; RangeError when shapes
   * disagree, when `out` overlaps an input in part, or when memory runs out. Nothing has been written then.
   */
  forward<T extends HostArray | Matrix>(x: T, options?: Params<T> & { out?: T | undefined }): Forward<T>;
  /**
   * The gradient with respect to x, and to the parameters that are given.
   *
   * @typeParam T the kind of dy and x, and so of dx: Float32Array or {@link Matrix}.
   * @param dy the gradient with respect to what forward returned, `rows x size`.
   * @param x what forward was given, `rows x size`.
   * @param stats what forward returned with it. Default: found again from x, to the same bytes.
   * @param options the gain and bias that forward was given; `out`, where the results go, dx being allowed to be dy or x
   * itself; `accumulate`, to add dGain and dBias onto what `out.dGain` and `out.dBias` hold. Defaults: none, new
   * arrays (matrices, where dy and x are matrices), false.
   * @returns dx; dGain and dBias where they were asked for.
   * @throws TypeError and RangeError as {@link forward} does; TypeError also where `accumulate` is set and there is nothing
   * to add onto.
   */
  backward<T extends HostArray | Matrix>(
    dy: T,
    x: T,
    stats?: RowStats,
    options?: Params<T> & { out?: Partial<Backward<T>> | undefined; accumulate?: boolean | undefined },
  ): Backward<T>;
}

/**
 * Reductions over each row of a batch x, `rows x size`: one double a row, summed in double precision, in a new array of
 * length `rows`. Made by {@link Kernels.rows}.
 *
 * Each throws TypeError when x is of the wrong kind, freed, or a matrix of other kernels, and RangeError when its shape
 * disagrees with the size or ddof is neither 0 nor 1.
 */
export interface Rows {
  /** sum x */
  sum(x: HostArray | Matrix): Float64Array;
  /** sum x / size */
  mean(x: HostArray | Matrix): Float64Array;
  /**
   * sum (x - mean)^2 / (size - ddof)
   *
   * @param options `ddof`, what is subtracted from the size: 0 (default) or 1.
   */
  variance(x: HostArray | Matrix, options?: { ddof?: 0 | 1 | undefined }): Float64Array;
  /**
   * sqrt(variance)
   *
   * @param options `ddof` as in {@link variance}.
   */
  std(x: HostArray | Matrix, options?: { ddof?: 0 | 1 | undefined }): Float64Array;
  /** sqrt(sum x^2 / size) */
  rms(x: HostArray | Matrix): Float64Array;
  /** sum |x| */
  l1(x: HostArray | Matrix): Float64Array;
  /** sqrt(sum x^2) */
  l2(x: HostArray | Matrix): Float64Array;
  /** sum x^2 */
  sumSquare(x: HostArray | Matrix): Float64Array;
  /** The smallest element; NaN where there is one. */
  min(x: HostArray | Matrix): Float64Array;
  /** The largest element; NaN where there is one. */
  max(x: HostArray | Matrix): Float64Array;
  /**
   * Mean and variance of each row, from one look at x.
   *
   * @param options `ddof` as in {@link variance}.
   */
  moments(
    x: HostArray | Matrix,
    options?: { ddof?: 0 | 1 | undefined },
  ): {
    /** The mean of each row. Length `rows`. */
    mean: Float64Array;
    /** The variance of each row. Length `rows`. */
    variance: Float64Array;
  };
}

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
   * AdaNorm: z = C (1 - k y) y, y = (x - mean) / sigma; backward holds C (1 - k y) constant. Source: the same.
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
   * @throws TypeError when size is no number; RangeError when it is not an integer of 1 or more.
   */
  rows(size: number): Rows;

  /**
   * A batch in linear memory, filled with zeros.
   *
   * @param rows an integer, 0 or more.
   * @param cols an integer, 1 or more.
   * @throws TypeError when an argument is no number; RangeError when one is out of range or memory runs out.
   */
  matrix(rows: number, cols: number): Matrix;
  /**
   * A copy of `source` in linear memory, `source.length / cols` rows.
   *
   * @param source the elements, row after row; a multiple of cols of them.
   * @param cols an integer, 1 or more.
   * @throws TypeError when source is no Float32Array; RangeError when its length is no multiple of cols, or memory runs
   * out.
   */
  matrix(source: HostArray, cols: number): Matrix;

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
