/**
 * Backward, one formula for every norm:
 *
 *   dx = r (e - mean(e) - s y),   s = kappa sum(e y) / (size - ddof),   e = dL/dy
 *
 * where a detached mean drops mean(e) and a detached std drops s y. In the terms of formulas.ts, h = r e:
 *
 *   dx = h - c - d t,   c = r mean(e),   d = kappa r^3 sum(e t) / (size - ddof)
 */

import { flushColumns, mapRowsAndSumColumns, sumColumns } from "./columns";
import { Input, PlainGradient, Scaled, Upstream, Whole } from "./formulas";
import { Double } from "./lanes";
import {
  backwardRstd,
  factorsFitSingle,
  gradientFitsSingle,
  isConstant,
  needsSplit,
  sumFitsSingle,
  sumTerms,
  writeRow,
} from "./precision";
import { derivativeFactor, SHORT } from "./statistics";
import { farthest, largestSquare, sum0, sum1 } from "./sums";

/** Rows whose columns are added in single precision before double precision takes over. */
const BLOCK: i32 = 8;
/**
 * The first rows of a batch, whose columns go in double precision throughout: what is rounded alike in all rows shows most
 * where there are few.
 */
const FIRST: i32 = 8;

/**
 * dx for every row, given u = dL/dz, the x and the statistics of forward, and the gradient formula G.
 * columns and first: as in index.ts. Rows start uStride, xStride and dxStride bytes apart. dx may be u or x.
 */
export function backward<G>(
  u: usize,
  uStride: usize,
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
  scale: f64,
  k: f64,
): void {
  // With both statistics constant dx is h; and where that is u times a scalar, x is not read at all.
  const scales = !changetype<G>(0).usesT() && !changetype<G>(0).usesQ() && detachMean && detachStd;
  for (let row = first; row < first + rows; row++) {
    const m = load<f64>(means);
    const r = backwardRstd(load<f64>(rstds));
    const split = needsSplit(m, r);
    const single = solve<G>(u, x, gain, m, r, size, eps, epsAtStd, ddof, detachMean, detachStd, scale, k);
    const c0 = c;
    const d0 = d;
    if (columns) {
      const even = (row & 1) == 0;
      if (even && (row & (BLOCK - 1)) == 0) flush(columns, size);
      // Not where dx is h alone, as a row by itself has it: to take d t from h, d = 0, may change the sign of a zero.
      if (row >= FIRST && even && row + 1 < first + rows && single && !split && !scales) {
        const m1 = load<f64>(means, sizeof<f64>());
        const r1 = backwardRstd(load<f64>(rstds, sizeof<f64>()));
        if (
          !needsSplit(m1, r1) &&
          solve<G>(u + uStride, x + xStride, gain, m1, r1, size, eps, epsAtStd, ddof, detachMean, detachStd, scale, k)
        ) {
          writeTwoRows<G>(u, uStride, x, xStride, gain, dx, dxStride, columns, size, m, m1, r, r1, c0, c, d0, d);
          row++;
          u += uStride * 2;
          x += xStride * 2;
          dx += dxStride * 2;
          means += 2 * sizeof<f64>();
          rstds += 2 * sizeof<f64>();
          continue;
        }
      }
      // Before dx is written, which may be u or x.
      sumColumnsOfRow(u, x, m, r, columns, size, 0);
    }
    const a = scale * r;
    const b = isConstant(r) ? 0 : a * k * r;
    if (scales) writeRow<Scaled<PlainGradient>>(single, false, x, u, gain, dx, size, m, a, b, 0, 0);
    else writeRow<Input<G>>(single, split, x, u, gain, dx, size, m, a, b, c0, d0);
    u += uStride;
    x += xStride;
    dx += dxStride;
    means += sizeof<f64>();
    rstds += sizeof<f64>();
  }
}

/** What the last `solve` found. */
let c: f64 = 0;
let d: f64 = 0;

/** Sets c and d of a row, and tells whether f32 can take the row. */
function solve<G>(
  u: usize,
  x: usize,
  gain: usize,
  mean: f64,
  r: f64,
  size: i32,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  detachMean: bool,
  detachStd: bool,
  scale: f64,
  k: f64,
): bool {
  c = 0;
  d = 0;
  const single = size >= SHORT && factorsFitSingle(scale, k) && gradientFitsSingle(r);
  if (detachMean && detachStd) return single && (!changetype<G>(0).usesT() || slopeFitsSingle(x, mean, r, k, size));
  const toC = detachMean ? 0 : r / <f64>size;
  const toD = detachStd ? 0 : (derivativeFactor(r, eps, epsAtStd) * r * r * r) / <f64>(size - ddof);
  const b = isConstant(r) ? 0 : scale * k * r;
  if (single) {
    sumTerms<Upstream<G>>(true, needsSplit(mean, r), x, u, gain, size, mean, scale, b);
    c = toC * sum0;
    d = toD * sum1;
    if (
      sumFitsSingle(sum0) &&
      sumFitsSingle(sum1) &&
      sumFitsSingle(c) &&
      sumFitsSingle(d) &&
      outlierFitsSingle(r * r * largestSquare, k, size)
    )
      return true;
  }
  sumTerms<Upstream<G>>(false, false, x, u, gain, size, mean, scale, b);
  // The mean first: where all e are the same, h and c are then, too, and dx is 0.
  c = detachMean ? 0 : r * (sum0 / <f64>size);
  // The sum of a constant row is 0, whatever becomes of r^3.
  d = sum1 == 0 ? sum1 : toD * sum1;
  return false;
}

/**
 * Whether f32 can take a row in which the largest y^2 is this. Where one element makes up more than a quarter of the
 * variance, dx is the small difference of h and d t there; where its y is large, it magnifies what rounding x - mean
 * alike in all of a binade has put into d; and where k y is near 1, 1 - k y is a small difference too.
 */
function outlierFitsSingle(largest: f64, k: f64, size: i32): bool {
  return largest <= 36 && 4 * largest <= <f64>size && k * k * largest <= LARGEST_SLOPE;
}

/** Up to here (k y)^2 leaves 1 - k y to f32. */
const LARGEST_SLOPE: f64 = 0.81;

/** The same of k y alone, where nothing is summed. No y^2 is more than the number of elements. */
function slopeFitsSingle(x: usize, mean: f64, r: f64, k: f64, size: i32): bool {
  if (k * k * <f64>size <= LARGEST_SLOPE) return true;
  const y = r * farthest(x, mean, size);
  return k * k * y * y <= LARGEST_SLOPE;
}

/** Elements that sums of columns take up, in whole vectors. */
export function columnsLength(size: i32): usize {
  return (<usize>size + 3) & ~3;
}

/** Adds what single precision has summed onto the sums in double precision. */
export function flush(columns: usize, size: i32): void {
  const biasSums = columns + columnsLength(size) * sizeof<f64>();
  flushColumns(biasSums + columnsLength(size) * sizeof<f64>(), columns, biasSums, size);
}

/** dx of two rows that f32 can take with their means whole, and the sums down their columns. */
function writeTwoRows<G>(
  u: usize,
  uStride: usize,
  x: usize,
  xStride: usize,
  gain: usize,
  dx: usize,
  dxStride: usize,
  columns: usize,
  size: i32,
  m0: f64,
  m1: f64,
  r0: f64,
  r1: f64,
  c0: f64,
  c1: f64,
  d0: f64,
  d1: f64,
): void {
  const from = size & ~7;
  if (from < size) {
    // The columns that fill no vector.
    sumColumnsOfRow(u, x, m0, r0, columns, size, from);
    sumColumnsOfRow(u + uStride, x + xStride, m1, r1, columns, size, from);
  }
  mapRowsAndSumColumns<G>(
    x,
    xStride,
    u,
    uStride,
    gain,
    dx,
    dxStride,
    size,
    f32x4.splat(<f32>m0),
    f32x4.splat(<f32>m1),
    f32x4.splat(<f32>r0),
    f32x4.splat(<f32>r1),
    f32x4.splat(<f32>c0),
    f32x4.splat(<f32>c1),
    f32x4.splat(<f32>d0),
    f32x4.splat(<f32>d1),
    columns + 2 * columnsLength(size) * sizeof<f64>(),
  );
  if (from < size) {
    const offset = <usize>from * sizeof<f32>();
    u += offset;
    x += offset;
    dx += offset;
    gain += offset;
    const rest = size - from;
    writeRow<Input<G>>(true, false, x, u, gain, dx, rest, m0, r0, 0, c0, d0);
    writeRow<Input<G>>(true, false, x + xStride, u + uStride, gain, dx + dxStride, rest, m1, r1, 0, c1, d1);
  }
}

/** The columns of one row from `from` on, in double precision. */
function sumColumnsOfRow(u: usize, x: usize, mean: f64, r: f64, columns: usize, size: i32, from: i32): void {
  const offset = <usize>from * sizeof<f32>();
  const gainSums = columns + <usize>from * sizeof<f64>();
  const biasSums = gainSums + columnsLength(size) * sizeof<f64>();
  sumColumns<Double, Whole>(x + offset, u + offset, mean, r, gainSums, biasSums, size - from);
}
