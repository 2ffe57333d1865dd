/**
 * One call of a norm as a block of linear memory: where its batches lie, their strides, the norm's options. Whoever calls
 * writes the block, and kernels take its address and the rows to work on, so that a block can serve many calls, and threads
 * can share one. `npm run layout` writes src/layout.ts from this class.
 *
 * Addresses are byte offsets into linear memory, and 0 where something is absent; strides are bytes from the start of one row
 * to that of the next. What is true or false is 1 or 0. Rows are numbered from the block's first row, 0.
 */
@unmanaged
@final
export class Call {
  /** Added to the variance or, with epsAtStd, to its square root. */
  eps: f64;
  /** C of adaNorm: y = C (1 - k z) z. Others do not read it. */
  scale: f64;
  /** k of adaNorm, as scale. */
  k: f64;

  /** Elements in a row. */
  size: i32;
  /** The rows that are normalised; with a residual, what is added to it. 4-byte aligned, as all f32 are. */
  x: usize;
  xStride: usize;
  /** Where forward puts its result, f32. It may be x, the residual or the sum. */
  y: usize;
  yStride: usize;
  /** The mean of each row, f64, 8-byte aligned: written by forward and by statistics, read by backward. */
  means: usize;
  /** 1 / sigma of each row, as means. */
  rstds: usize;
  /** The factors of the columns, `size` f32. */
  gain: usize;
  /** What is added to the columns, `size` f32. Backward does not read it. */
  bias: usize;

  /** The gradient of y, f32, which backward is given. */
  dy: usize;
  dyStride: usize;
  /** Where backward puts the gradient of x, f32. It may be dy or x. */
  dx: usize;
  dxStride: usize;
  /**
   * Where backward sums down the columns, for columnSums to give out. With n = size rounded up to a multiple of four, 24 n
   * bytes, 8-byte aligned, zeros at first: f64[n] for dy z, f64[n] for dy, then f32[2 n] for what was not yet added onto those.
   */
  columns: usize;
  /** The number of the block's row 0 in the whole batch: backward sums columns by pairs of rows, so it has to be even. */
  first: i32;

  /** What forward adds to x, f32. */
  residual: usize;
  residualStride: usize;
  /** Where forward puts x + residual, which is what it normalises then, f32. It may be x or the residual. */
  sum: usize;
  sumStride: usize;

  /** 0 or 1: the variance is the sum of squares over (size - ddof). 0 for rmsNorm. */
  ddof: i32;
  /** Whether this is adaNorm, which has neither gain nor bias. */
  isAda: i32;
  /** Whether the mean is subtracted. rmsNorm takes 0 for it. */
  centred: i32;
  /** Whether sigma is sqrt(variance) + eps, not sqrt(variance + eps). */
  epsAtStd: i32;
  /** Whether backward takes the mean for a constant: always for rmsNorm. */
  detachMean: i32;
  /** Whether backward takes sigma for a constant. */
  detachStd: i32;
  /** Whether backward takes C (1 - k z) for a constant. */
  detachScale: i32;

  @inline xAt(row: i32): usize {
    return this.x + <usize>row * this.xStride;
  }
  @inline sumAt(row: i32): usize {
    return this.sum + <usize>row * this.sumStride;
  }
  /** The row that forward normalises. */
  @inline inputAt(row: i32): usize {
    return this.residual ? this.sumAt(row) : this.xAt(row);
  }
  @inline yAt(row: i32): usize {
    return this.y + <usize>row * this.yStride;
  }
  @inline dyAt(row: i32): usize {
    return this.dy + <usize>row * this.dyStride;
  }
  @inline dxAt(row: i32): usize {
    return this.dx + <usize>row * this.dxStride;
  }
  @inline meanAt(row: i32): usize {
    return this.means + ((<usize>row) << 3);
  }
  @inline rstdAt(row: i32): usize {
    return this.rstds + ((<usize>row) << 3);
  }
  @inline mean(row: i32): f64 {
    return load<f64>(this.meanAt(row));
  }
  @inline rstd(row: i32): f64 {
    return load<f64>(this.rstdAt(row));
  }
}
