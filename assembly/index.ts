/**
 * The module's exports. src/abi.ts declares the same list.
 *
 * Pointers are byte offsets into the imported memory. A batch is rows x size, f32, its rows' starts `stride` bytes apart
 * (where there is no stride, one behind the other); means, rstds and the results of reductions are one f64 a row, 8-byte
 * aligned. residual, gain and bias, and the sums of backward, are 0 where absent.
 * Nothing is checked here: whoever calls answers for the arguments.
 */

import { backward, columnsLength, flush } from "./backward";
import { addColumns } from "./columns";
import { add, narrow, widen } from "./copies";
import {
  Ada,
  AdaGradient,
  Bias,
  Gain,
  GainBias,
  GainGradient,
  Magnitude,
  Plain,
  PlainGradient,
  Value,
} from "./formulas";
import { forward, statistics } from "./forward";
import { Larger, Smaller } from "./lanes";
import { extremes, sumSquares, sums, variances } from "./reductions";
import { BF16, F16 } from "./storage";

/** Whether this is the build with fused multiply-add, whose results differ between engines. */
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** A block of 16-byte aligned memory. Traps when there is none left. */
export function alloc(bytes: usize): usize {
  return heap.alloc(bytes);
}

/** Gives back what alloc gave. */
export function free(block: usize): void {
  heap.free(block);
}

/**
 * y = gain (x - mean) / sigma + bias. y may be x. centred: false takes the mean as 0, which is rmsNorm.
 * With a residual, sum = x + residual, and y is that of sum. Both may be x or the residual, where they lie alike.
 * Returns whether y is known to hold no NaN, provided gain and bias are finite.
 */
export function affineForward(
  x: usize,
  xStride: usize,
  residual: usize,
  residualStride: usize,
  sum: usize,
  sumStride: usize,
  gain: usize,
  bias: usize,
  y: usize,
  yStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): bool {
  if (gain && bias) {
    return forward<GainBias>(
      x,
      xStride,
      residual,
      residualStride,
      sum,
      sumStride,
      gain,
      bias,
      y,
      yStride,
      means,
      rstds,
      rows,
      size,
      centred,
      eps,
      epsAtStd,
      ddof,
      1,
      0,
    );
  } else if (gain) {
    return forward<Gain>(
      x,
      xStride,
      residual,
      residualStride,
      sum,
      sumStride,
      gain,
      0,
      y,
      yStride,
      means,
      rstds,
      rows,
      size,
      centred,
      eps,
      epsAtStd,
      ddof,
      1,
      0,
    );
  } else if (bias) {
    return forward<Bias>(
      x,
      xStride,
      residual,
      residualStride,
      sum,
      sumStride,
      0,
      bias,
      y,
      yStride,
      means,
      rstds,
      rows,
      size,
      centred,
      eps,
      epsAtStd,
      ddof,
      1,
      0,
    );
  } else {
    return forward<Plain>(
      x,
      xStride,
      residual,
      residualStride,
      sum,
      sumStride,
      0,
      0,
      y,
      yStride,
      means,
      rstds,
      rows,
      size,
      centred,
      eps,
      epsAtStd,
      ddof,
      1,
      0,
    );
  }
}

/** z = scale (1 - k y) y, y = (x - mean) / sigma. z may be x. A residual, and what it returns, as in affineForward. */
export function adaForward(
  x: usize,
  xStride: usize,
  residual: usize,
  residualStride: usize,
  sum: usize,
  sumStride: usize,
  z: usize,
  zStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  scale: f64,
  k: f64,
): bool {
  return forward<Ada>(
    x,
    xStride,
    residual,
    residualStride,
    sum,
    sumStride,
    0,
    0,
    z,
    zStride,
    means,
    rstds,
    rows,
    size,
    true,
    eps,
    epsAtStd,
    ddof,
    scale,
    k,
  );
}

/** means and rstds alone, as the forward functions find them. */
export function rowStatistics(
  x: usize,
  xStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  statistics(x, xStride, means, rstds, rows, size, centred, eps, epsAtStd, ddof);
}

/**
 * dx of affineForward for dy, and dy y and dy added onto `columns`, for columnSums to give out; 0 where they are not wanted.
 * With n = size rounded up to a multiple of four, `columns` is 24 n bytes, zeros at first: f64[n] for dy y, f64[n] for dy,
 * then f32[2 n] for what was not yet added onto those. `first` is the number of the first row in the whole batch,
 * which has to be even.
 * dx may be dy or x. For rmsNorm the mean is detached.
 */
export function affineBackward(
  dy: usize,
  dyStride: usize,
  x: usize,
  xStride: usize,
  gain: usize,
  means: usize,
  rstds: usize,
  dx: usize,
  dxStride: usize,
  columns: usize,
  first: i32,
  rows: i32,
  size: i32,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  detachMean: bool,
  detachStd: bool,
): void {
  if (gain) {
    backward<GainGradient>(
      dy,
      dyStride,
      x,
      xStride,
      gain,
      means,
      rstds,
      dx,
      dxStride,
      columns,
      first,
      rows,
      size,
      eps,
      epsAtStd,
      ddof,
      detachMean,
      detachStd,
      1,
      0,
    );
  } else {
    backward<PlainGradient>(
      dy,
      dyStride,
      x,
      xStride,
      0,
      means,
      rstds,
      dx,
      dxStride,
      columns,
      first,
      rows,
      size,
      eps,
      epsAtStd,
      ddof,
      detachMean,
      detachStd,
      1,
      0,
    );
  }
}

/** dx of adaForward for dz. detachScale holds scale (1 - k y) constant. dx may be dz or x. */
export function adaBackward(
  dz: usize,
  dzStride: usize,
  x: usize,
  xStride: usize,
  means: usize,
  rstds: usize,
  dx: usize,
  dxStride: usize,
  rows: i32,
  size: i32,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  detachMean: bool,
  detachStd: bool,
  scale: f64,
  k: f64,
  detachScale: bool,
): void {
  const slope = detachScale ? k : 2 * k;
  backward<AdaGradient>(
    dz,
    dzStride,
    x,
    xStride,
    0,
    means,
    rstds,
    dx,
    dxStride,
    0,
    0,
    rows,
    size,
    eps,
    epsAtStd,
    ddof,
    detachMean,
    detachStd,
    scale,
    slope,
  );
}

/** out = the sums of dy y, or with `bias` those of dy; or out += them; rounded to f32 once. */
export function columnSums(columns: usize, bias: bool, out: usize, size: i32, accumulate: bool): void {
  flush(columns, size);
  addColumns(bias ? columns + columnsLength(size) * sizeof<f64>() : columns, out, size, accumulate);
}

export function rowSum(x: usize, out: usize, rows: i32, size: i32): void {
  sums<Value>(x, out, rows, size);
}

export function rowL1(x: usize, out: usize, rows: i32, size: i32): void {
  sums<Magnitude>(x, out, rows, size);
}

export function rowSumSquare(x: usize, out: usize, rows: i32, size: i32): void {
  sumSquares(x, out, rows, size);
}

export function rowMin(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<Smaller>(x, out, rows, size);
}

export function rowMax(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<Larger>(x, out, rows, size);
}

export function rowMoments(x: usize, means: usize, variance: usize, rows: i32, size: i32, ddof: i32): void {
  variances(x, means, variance, rows, size, ddof);
}

/** out = x, of a 16-bit storage (type 1: f16, 2: bf16), as f32. */
export function widenRows(
  type: i32,
  x: usize,
  xStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
  size: i32,
): void {
  if (type == 1) widen<F16>(x, xStride, out, outStride, rows, size);
  else widen<BF16>(x, xStride, out, outStride, rows, size);
}

/** out = x, f32, in a 16-bit storage. areNumbers: x is known to hold no NaN, which takes less time. */
export function narrowRows(
  type: i32,
  x: usize,
  xStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
  size: i32,
  areNumbers: bool,
): void {
  if (type == 1) narrow<F16>(x, xStride, out, outStride, rows, size, areNumbers);
  else narrow<BF16>(x, xStride, out, outStride, rows, size, areNumbers);
}

/** out = x + p, all f32. out may be x or p, where they lie alike. */
export function addRows(
  x: usize,
  xStride: usize,
  p: usize,
  pStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
  size: i32,
): void {
  add(x, xStride, p, pStride, out, outStride, rows, size);
}
