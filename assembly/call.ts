/**
 * One call of a norm, as a block in linear memory: where its batches lie, their strides, and the options of the norm. The
 * caller writes the block. Kernels take its address and the rows to work on, so one block can serve many calls, and threads
 * can share it. `npm run layout` writes src/layout.ts from this class.
 *
 * Addresses are byte offsets into linear memory; 0 means absent. Strides are in bytes, from the start of one row to the
 * start of the next. Booleans are 1 or 0. Row 0 is the first row of the block.
 */
@unmanaged
@final
export class Call {
  /** Added to the variance or, with epsAtStd, to its square root. With epsIsLeast, the least sigma. */
  eps: f64;
  /** C of adaNorm: y = C (1 - k z) z. Only adaNorm reads it. */
  scale: f64;
  /** k of adaNorm. Only adaNorm reads it. */
  k: f64;

  /** Elements in a row. */
  size: i32;
  /** The rows to normalise or, if there is a residual, to add it to. 4-byte aligned, like every f32 batch. */
  x: usize;
  xStride: usize;
  /** Forward writes its result here, f32. May be the same address as x, residual or sum. */
  y: usize;
  yStride: usize;
  /** The mean of each row, f64, 8-byte aligned. Forward and statistics write it; backward reads it. */
  means: usize;
  /** 1 / sigma of each row, f64, 8-byte aligned, like means. */
  rstds: usize;
  /** Multiplies the columns: `size` f32, or as many for each sample from that of row 0 on. */
  gain: usize;
  /** Is added to the columns: as many f32. Backward does not read it. */
  bias: usize;
  /**
   * If gain and bias are by channel, the elements of a channel on end; otherwise 0. A row is a group of channels of one sample then, and
   * gain and bias have one f32 for each channel of all groups.
   */
  spatial: i32;
  /** The rows of a sample, if gain and bias are by channel: one for each group. */
  groups: i32;
  /** The rows of a sample, which share a gain and a bias of their own. 0 if all rows of the batch share one. */
  rowsPerGain: i32;

  /** The upstream gradient dL/dy, f32, an input of backward. */
  dy: usize;
  dyStride: usize;
  /** Backward writes the gradient of x here, f32. May be the same address as dy or x. */
  dx: usize;
  dxStride: usize;
  /**
   * Backward adds up its sums down the columns here; columnSums reads them. 24 n bytes, 8-byte aligned, where n is size
   * rounded up to a multiple of 4: f64[n] for the sums of dy z, f64[n] for the sums of dy, then f32[2 n] for sums that are
   * not yet added to the f64 ones. The caller sets all of it to zero before the first row.
   *
   * By channel: the sums of each row apart, two f64 for each of its channels, of dy z and of dy.
   */
  columns: usize;
  /**
   * The sums of whole stripes of rows, which are summed apart: 16 n bytes, f64[n] for dy z and f64[n] for dy, as above. 0 if
   * the batch has no more rows than one stripe. By channel: two f64 for each channel of all groups, over all samples.
   */
  totals: usize;
  /**
   * The number of the block's row 0 in its sample, or in the whole batch if that is one. For backward it must be even, because
   * columns are summed over pairs of rows.
   */
  first: i32;
  /**
   * Where backward writes the gradients of the gain and the bias of each sample, at its last row: `size` f32 for each sample from
   * that of row 0 on. 0 if absent. Not read without rowsPerGain: then columnSums writes the gradients.
   */
  dGain: usize;
  dBias: usize;
  /** Whether these are added to what is there. */
  accumulate: i32;

  /** Forward adds this to x, f32. */
  residual: usize;
  residualStride: usize;
  /** Forward writes x + residual here, f32, and normalises that. May be the same address as x or residual. */
  sum: usize;
  sumStride: usize;

  /**
   * The variance is the sum of squares divided by (size - ddof): 0 or 1, but 0 for rmsNorm, and size - 1 for l2Norm, whose sigma is
   * made of the sum itself.
   */
  ddof: i32;
  /** Whether this is adaNorm, which has neither gain nor bias. */
  isAda: i32;
  /** Whether the mean is subtracted. Not for rmsNorm and l2Norm, whose mean counts as 0. */
  centred: i32;
  /** Whether sigma is sqrt(variance) + eps. If not, it is sqrt(variance + eps), unless epsIsLeast. */
  epsAtStd: i32;
  /** Whether sigma is the square root of the variance, but at least eps. Only for l2Norm. */
  epsIsLeast: i32;
  /** Whether backward holds the mean constant. Always for rmsNorm and l2Norm. */
  detachMean: i32;
  /** Whether backward holds sigma constant. */
  detachStd: i32;
  /** Whether backward holds C (1 - k z) constant. */
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
  /** The number of a row in its sample. */
  @inline numberOf(row: i32): i32 {
    const number = this.first + row;
    return this.rowsPerGain ? number % this.rowsPerGain : number;
  }
  /** The number of a row's sample, counted from that of row 0. */
  @inline sampleOf(row: i32): i32 {
    return this.rowsPerGain ? (this.first + row) / this.rowsPerGain : 0;
  }
  /** Whether a row and the next have one gain and one bias. */
  @inline isWithNext(row: i32): bool {
    return !this.rowsPerGain || (this.first + row + 1) % this.rowsPerGain != 0;
  }
  /** The bytes from the gain of row 0 to that of a row. */
  @inline paramOffset(row: i32): usize {
    return <usize>this.sampleOf(row) * ((<usize>this.size) << 2);
  }
  /** The channels of one row, and the number of a row's first channel. */
  @inline get channelsInRow(): i32 {
    return this.size / this.spatial;
  }
  @inline channelOf(row: i32): i32 {
    return ((this.first + row) % this.groups) * this.channelsInRow;
  }
  @inline channelSumsAt(row: i32): usize {
    return this.columns + <usize>row * ((<usize>this.channelsInRow) << 4);
  }
  @inline gainAt(row: i32): usize {
    return this.gain + this.paramOffset(row);
  }
  @inline biasAt(row: i32): usize {
    return this.bias + this.paramOffset(row);
  }
  @inline mean(row: i32): f64 {
    return load<f64>(this.meanAt(row));
  }
  @inline rstd(row: i32): f64 {
    return load<f64>(this.rstdAt(row));
  }
}
