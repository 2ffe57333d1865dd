/**
 * The names and shapes that users of `adanorm` may rely on. contract.ts holds the package's own types against them: the
 * package may add to these, never rename, remove or narrow.
 *
 * Everywhere: a batch is `rows x size`, row-major, one row = one normalised vector of `size` (H) elements.
 * A tensor of any rank whose trailing axes are normalised is such a batch: size = product of those axes.
 */

/** An array the caller owns. f16 and bf16 travel as their 16-bit patterns (see dtype). */
export type HostArray = Float32Array | Uint16Array; // and Float16Array where the runtime has it

export type DType = "f32" | "f16" | "bf16";

/** A batch that lives in the module's linear memory: calls on it copy nothing. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly dtype: DType;
  /** A live view, derived afresh at every read, so memory growth can never leave it detached or stale. */
  readonly data: Float32Array | Uint16Array;
  /** A copy that the caller owns. */
  toArray(): Float32Array | Uint16Array;
  /** A copy as floats. */
  toFloat32(): Float32Array;
  /** Gives the memory back. A later use of this matrix throws; a second free() is harmless. */
  free(): void;
  [Symbol.dispose](): void;
}

/** One number a row, in double precision: it carries the split (high + low) mean without loss. */
export interface RowStats {
  mean: Float64Array; // all zero for rmsNorm
  rstd: Float64Array; // 1 / sigma
}

export interface StatsOptions {
  /** H, the length of one row. Integer >= 1. */
  size: number;
  /** Finite and >= 0. Default 1e-5. */
  eps?: number;
  /** "variance": 1/sqrt(var+eps) (the paper, PyTorch, ONNX). "std": 1/(std+eps) (the authors' code). */
  epsAt?: "variance" | "std";
  /** Subtracted from H in the variance: 0 (default; paper, PyTorch) or 1 (the authors' code, torch.std). */
  ddof?: 0 | 1;
  /** Treat the statistic as a constant in backward. Default: neither (both, for detachNorm). */
  detachMean?: boolean;
  detachStd?: boolean;
  /** Storage of x, y, dy, dx given as Uint16Array. Default "f32". Arithmetic is never below f32. */
  dtype?: DType;
}

export interface AdaNormOptions extends StatsOptions {
  /** C > 0, the average of phi. Default 1. */
  scale?: number;
  /** k >= 0 in phi(y) = C(1 - k y). Default 1/10. */
  k?: number;
  /** The paper holds C(1 - k y) constant in backward. Default true; false differentiates it. */
  detachScale?: boolean;
}

export interface Params<T> {
  gain?: T;
  bias?: T;
}

export interface Forward<T> extends RowStats {
  y: T;
}
export interface Backward<T> {
  dx: T;
  dGain?: Float32Array | Matrix;
  dBias?: Float32Array | Matrix;
}

/** A normalization bound to its options. Stateless: what backward needs is what forward returned. */
export interface Norm {
  readonly size: number;
  /** T in, T out: an array gives an array (copied), a Matrix gives a Matrix. `out` may be `x` itself. */
  forward<T extends HostArray | Matrix>(x: T, options?: Params<T> & { out?: T }): Forward<T>;
  /**
   * dx for the same x. Leave `stats` out and they are computed again.
   * dGain and dBias come back where the norm has that parameter; with `accumulate`, they are added
   * onto the arrays given in `out` (gradient accumulation, row shards).
   */
  backward<T extends HostArray | Matrix>(
    dy: T,
    x: T,
    stats?: RowStats,
    options?: Params<T> & { out?: Partial<Backward<T>>; accumulate?: boolean },
  ): Backward<T>;
  /** Calls on matrices, checked once and run many times. */
  prepareForward(x: Matrix, options?: Params<Matrix> & { out?: Matrix }): Prepared<Forward<Matrix>>;
  prepareBackward(
    dy: Matrix,
    x: Matrix,
    stats?: RowStats | Prepared<Forward<Matrix>>,
    options?: Params<Matrix> & { out?: Partial<Backward<Matrix>>; accumulate?: boolean },
  ): Prepared<Backward<Matrix>>;
}

export interface Prepared<R> {
  run(rows?: number): R;
  readonly result: R;
  free(): void;
  [Symbol.dispose](): void;
}

/** Row reductions over a batch of rows of `size`. One double a row. */
export interface Rows {
  sum(x: HostArray | Matrix): Float64Array;
  mean(x: HostArray | Matrix): Float64Array;
  variance(x: HostArray | Matrix, options?: { ddof?: 0 | 1 }): Float64Array;
  std(x: HostArray | Matrix, options?: { ddof?: 0 | 1 }): Float64Array;
  rms(x: HostArray | Matrix): Float64Array;
  l1(x: HostArray | Matrix): Float64Array;
  l2(x: HostArray | Matrix): Float64Array;
  sumSquare(x: HostArray | Matrix): Float64Array;
  min(x: HostArray | Matrix): Float64Array;
  max(x: HostArray | Matrix): Float64Array;
  moments(x: HostArray | Matrix, options?: { ddof?: 0 | 1 }): { mean: Float64Array; variance: Float64Array };
  /** round(x / scale), ties to even, -127 to 127; each row by max|x| / 127, or all by the given scale. */
  int8(x: HostArray | Matrix, options?: { scale?: number }): { values: Int8Array; scale: Float64Array };
  /** One bit an element, 1 where x > 0, most significant bit first, each row padded to whole bytes. */
  bits(x: HostArray | Matrix): Uint8Array;
}

export interface Kernels {
  /** y = gain * (x - mean)/std + bias; gain and bias each optional. */
  layerNorm(options: StatsOptions): Norm;
  /** y = (x - mean)/std. */
  layerNormSimple(options: StatsOptions): Norm;
  /** Forward as layerNormSimple; backward holds mean and std constant. */
  detachNorm(options: StatsOptions): Norm;
  /** z = C(1 - k y) * y. */
  adaNorm(options: AdaNormOptions): Norm;
  /** y = gain * x / sqrt(mean(x^2) + eps) + bias; gain and bias each optional. */
  rmsNorm(options: StatsOptions): Norm;
  /** y = x / max(|x|, eps); eps: default 1e-12. */
  l2Norm(options: Pick<StatsOptions, "size" | "eps" | "dtype" | "detachStd">): Norm;
  /** A row is one group of one sample of `channels x spatial`; gain, bias, dGain and dBias have one element a channel. */
  groupNorm(options: Omit<StatsOptions, "size"> & { channels: number; groups: number; spatial: number }): Norm;
  /** groupNorm with a group for every channel. */
  instanceNorm(options: Omit<StatsOptions, "size"> & { channels: number; spatial: number }): Norm;
  rows(size: number, options?: { dtype?: DType }): Rows;

  /** A zero-filled batch in linear memory, or a copy of `source` there. */
  matrix(rows: number, cols: number, dtype?: DType): Matrix;
  matrix(source: HostArray, cols: number, dtype?: DType): Matrix;

  /** "simd128", or "relaxed-simd" where that was asked for and the engine has it. */
  readonly simd: "simd128" | "relaxed-simd";
  /** Bytes held by matrices now, and the size of the linear memory. */
  readonly memory: { used: number; size: number };
  /** How many threads share a large call: 1 unless `load` was asked for more and could have them. */
  readonly threads: number;
  /** Ends the threads, if any; calls go on with one. A program ends by itself without this. */
  close(): void;
}

export interface LoadOptions {
  /** Use fused multiply-add where the engine has it: faster, and no longer bit-identical across engines. Default false. */
  relaxedSimd?: boolean;
  /** A cap on linear memory, in bytes. Past it an allocation throws RangeError and nothing is lost. */
  maximumBytes?: number;
  /** load only: share large calls among so many threads, this one included. The same bytes for any number. Default 1. */
  threads?: number;
  /** Makes a worker that runs `adanorm/thread`, for bundlers and policies that the default does not suit. */
  createWorker?: () => Worker;
  /** A compiled module or its bytes, for hosts that must supply their own. */
  module?: WebAssembly.Module | BufferSource;
}

/** Compiles once a process or page; each call gives an instance with memory of its own. */
export function load(options?: LoadOptions): Promise<Kernels>;
/** The same at once, where the host allows compiling on this thread. */
export function loadSync(options?: LoadOptions): Kernels;
