/**
 * The module's exports. src/abi.ts declares the same list.
 *
 * Pointers are byte offsets into the imported memory. A batch is rows x size, row-major, f32; means, rstds and the
 * results of reductions are one f64 a row, 8-byte aligned. gain and bias, and the sums of backward, are 0 where absent.
 * Nothing is checked here: whoever calls answers for the arguments.
 */

import { backward, columnsLength, flush } from "./backward";
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
import { addColumns } from "./passes";
import { extremes, sumSquares, sums, variances } from "./reductions";
import { F32 } from "./storage";

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

/** y = gain (x - mean) / sigma + bias. y may be x. centred: false takes the mean as 0, which is rmsNorm. */
export function affineForward(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  if (gain && bias) {
    forward<F32, GainBias>(x, gain, bias, y, means, rstds, rows, size, centred, eps, epsAtStd, ddof, 1, 0);
  } else if (gain) {
    forward<F32, Gain>(x, gain, 0, y, means, rstds, rows, size, centred, eps, epsAtStd, ddof, 1, 0);
  } else if (bias) {
    forward<F32, Bias>(x, 0, bias, y, means, rstds, rows, size, centred, eps, epsAtStd, ddof, 1, 0);
  } else {
    forward<F32, Plain>(x, 0, 0, y, means, rstds, rows, size, centred, eps, epsAtStd, ddof, 1, 0);
  }
}

/** z = scale (1 - k y) y, y = (x - mean) / sigma. z may be x. */
export function adaForward(
  x: usize,
  z: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  scale: f64,
  k: f64,
): void {
  forward<F32, Ada>(x, 0, 0, z, means, rstds, rows, size, true, eps, epsAtStd, ddof, scale, k);
}

/** means and rstds alone, as the forward functions find them. */
export function rowStatistics(
  x: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  statistics<F32>(x, means, rstds, rows, size, centred, eps, epsAtStd, ddof);
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
  x: usize,
  gain: usize,
  means: usize,
  rstds: usize,
  dx: usize,
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
    backward<F32, GainGradient>(
      dy,
      x,
      gain,
      means,
      rstds,
      dx,
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
    backward<F32, PlainGradient>(
      dy,
      x,
      0,
      means,
      rstds,
      dx,
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
  x: usize,
  means: usize,
  rstds: usize,
  dx: usize,
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
  backward<F32, AdaGradient>(
    dz,
    x,
    0,
    means,
    rstds,
    dx,
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
  sums<F32, Value>(x, out, rows, size);
}

export function rowL1(x: usize, out: usize, rows: i32, size: i32): void {
  sums<F32, Magnitude>(x, out, rows, size);
}

export function rowSumSquare(x: usize, out: usize, rows: i32, size: i32): void {
  sumSquares<F32>(x, out, rows, size);
}

export function rowMin(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<F32, Smaller>(x, out, rows, size);
}

export function rowMax(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<F32, Larger>(x, out, rows, size);
}

export function rowMoments(x: usize, means: usize, variance: usize, rows: i32, size: i32, ddof: i32): void {
  variances<F32>(x, means, variance, rows, size, ddof);
}
