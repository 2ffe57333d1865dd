/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The public types. Everywhere a batch is `rows x size`, row-major: one row is one normalised vector of `size` (H)
 * elements. A tensor of any rank whose trailing axes are normalised is such a batch; `size` is the product of those
 * axes.
 */

/** The norms, by the names that they have in {@link Kernels}. */
export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm";

/**
 * How elements are stored: `"f32"`, IEEE 754 binary32; `"f16"`, binary16 (5 bits of exponent, 10 of fraction); `"bf16"`,
 * bfloat16, the upper half of an f32. Arithmetic is in f32 or better whatever the storage, statistics are in double
 * precision, and a result is rounded once: to the nearest, ties to even, to infinity where it is too large.
 */
export type DType = "f32" | "f16" | "bf16";

/** A `Float16Array` where the program's libraries declare it: those of ES2025 do. */
export type HalfArray = typeof globalThis extends {
  /** The constructor. */
  Float16Array: {
    /** What its instances are. */
    prototype: infer Half;
  };
}
  ? Half & object
  : never;

/**
 * An array that the caller owns: `rows * size` elements, row after row, or the `size` elements of a gain or bias. f32 are in
 * a Float32Array; f16 are in a Float16Array, or as their bits in a Uint16Array; bf16 as their bits in a Uint16Array.
 */
export type HostArray = Float32Array | Uint16Array | HalfArray;

/**
 * The array that elements of a dtype are in: Float32Array, or Uint16Array with their bits.
 *
 * @typeParam D the element type.
 */
export type ElementArray<D extends DType> = D extends "f32" ? Float32Array : Uint16Array;

/**
 * A batch in the module's linear memory: calls on it copy nothing. Made by {@link Kernels.matrix}.
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
  /**
   * How x, y, dy and dx are stored, and whatever else is of their shape. Default `"f32"`. gain and bias may be of this type
   * or f32; their gradients are f32.
   */
  dtype?: DType | undefined;
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
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface Forward<T> extends RowStats {
  /** The result, `rows x size`, of the kind and shape of x; `out` itself where that was given. */
  y: T;
}

/**
 * What forward returns where there is a residual.
 *
 * @typeParam T the kind of x: an array or {@link Matrix}.
 */
export interface SummedForward<T> extends Forward<T> {
  /** x + residual, rounded to the dtype: `rows x size`, of the kind of x; `sum` of the options itself if that was given. */
  sum: T;
}

/**
 * From the start of one row to that of the next, in elements: an integer, `size` or more. One number for every batch that
 * the call is given, or one for each by name, those not named having rows one behind the other. Nothing between the rows
 * is read or written. An array may end with its last row; a matrix's `cols` are its rowStride.
 *
 * @typeParam Name the batches of the call.
 */
export type RowStride<Name extends string> = number | { readonly [Batch in Name]?: number | undefined };

/**
 * What forward takes besides x. All may be left out.
 *
 * @typeParam T the kind of x.
 */
export interface ForwardOptions<T extends HostArray | Matrix> extends Params<T> {
  /** Where the result goes: of the kind and shape of x; x or the residual itself if wanted. Default: a new one. */
  out?: T | undefined;
  /** Added to x before the norm, of its kind and shape. Default: none. */
  residual?: T | undefined;
  /** Where x + residual goes: of their kind and shape, either of them if wanted. Default: a new one. */
  sum?: T | undefined;
  /** The rows' distances, where they do not follow one another. Default: `size`. */
  rowStride?: RowStride<"x" | "residual" | "sum" | "out"> | undefined;
}

/**
 * What backward takes besides dy, x and the statistics. All may be left out.
 *
 * @typeParam T the kind of dy and x.
 */
export interface BackwardOptions<T extends HostArray | Matrix> extends Params<T> {
  /**
   * Where the results go; dx may be dy, x or dSum itself. Asks for dGain and dBias too. Default: new arrays, or new
   * matrices where dy and x are matrices.
   */
  out?: Partial<Backward<T>> | undefined;
  /** Add dGain and dBias onto what `out.dGain` and `out.dBias` hold. Default false. */
  accumulate?: boolean | undefined;
  /**
   * The gradient that reaches x, the sum of a residual connection, from elsewhere: it is added to dx. Of the kind and
   * shape of dy. Default: none.
   */
  dSum?: T | undefined;
  /** The rows' distances, where they do not follow one another. Default: `size`. */
  rowStride?: RowStride<"dy" | "x" | "dSum" | "dx"> | undefined;
}

/**
 * What backward returns: gradients, `out`'s own arrays and matrices where those were given.
 *
 * @typeParam T the kind of dy and x: an array or {@link Matrix}.
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
