/**
 * Backward, one formula for every norm:
 *
 *   dx = r (e - mean(e) - s y),   s = kappa sum(e y) / (size - ddof),   e = dL/dy
 *
 * where a detached mean drops mean(e) and a detached std drops s y. In the terms of formulas.ts, h = r e:
 *
 *   dx = h - c - d t,   c = mean(h),   d = kappa r^2 sum(h t) / (size - ddof)
 */

import { Input, Split, Whole } from "./formulas";
import { Double, Single } from "./lanes";
import { largest, sum0, sum1, sumColumns, sumColumnsOfBlock } from "./passes";
import { factorsFitSingle, rowFitsSingle, sumFitsSingle, sumTerms, writeRow } from "./precision";
import { derivativeFactor, SHORT } from "./statistics";

/** Rows whose columns are added in single precision before double precision takes over. */
const BLOCK: i32 = 4;

/**
 * dx for every row, given u = dL/dz, the x and the statistics of forward, and the gradient formula G, whose scalars are
 * a = scale r and b = scale k r^2.
 * gainSums and biasSums, both or neither 0, are f64 sums that the rows' u y and u are added onto. dx may be u or x.
 */
export function backward<S, G>(
  u: usize,
  x: usize,
  gain: usize,
  means: usize,
  rstds: usize,
  dx: usize,
  gainSums: usize,
  biasSums: usize,
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
  const rowBytes = <usize>size * changetype<S>(0).bytes();
  const long = size >= SHORT && factorsFitSingle(scale, k);
  const toC = detachMean ? 0 : 1 / <f64>size;
  // With both statistics constant nothing is summed; and where h is u times a scalar, x is not read at all.
  const constants = detachMean && detachStd;
  const scales = !changetype<G>(0).usesT() && !changetype<G>(0).usesQ();
  for (let row = 0; row < rows; row++) {
    // Before dx is written, which may be u or x.
    if (row % BLOCK == 0 && gainSums) {
      columns<S>(u, x, means, rstds, gainSums, biasSums, min(rows - row, BLOCK), size);
    }
    const m = load<f64>(means);
    const r = load<f64>(rstds);
    const a = scale * r;
    const b = a * k * r;
    let single = long && rowFitsSingle(r);
    let c = 0.0;
    let d = 0.0;
    if (!constants) {
      const toD = detachStd ? 0 : (derivativeFactor(r, eps, epsAtStd) * r * r) / <f64>(size - ddof);
      if (single) {
        sumTerms<S, G>(true, x, u, gain, size, m, a, b);
        single = sumFitsSingle(toC * sum0) && sumFitsSingle(toD * sum1) && outlierFitsSingle(r, a, b, size);
      }
      if (!single) sumTerms<S, G>(false, x, u, gain, size, m, a, b);
      c = toC * sum0;
      d = toD * sum1;
    }
    if (scales && constants) writeRow<S, G>(single, true, x, u, gain, dx, size, m, a, b, c, d);
    else writeRow<S, Input<G>>(single, true, x, u, gain, dx, size, m, a, b, c, d);
    u += rowBytes;
    x += rowBytes;
    dx += rowBytes;
    means += sizeof<f64>();
    rstds += sizeof<f64>();
  }
}

/**
 * Whether f32 can take a row in which the largest |t| is the one just found. Where one element makes up more than a
 * quarter of the variance, dx is the small difference of h and d t there; where its y is large, it magnifies what
 * rounding x - mean alike in all of a binade has put into d; and where k y is near 1, a - b t is a small difference too.
 */
function outlierFitsSingle(r: f64, a: f64, b: f64, size: i32): bool {
  const y = r * largest;
  return y <= 6 && 4 * y * y <= <f64>size && b * largest <= 0.9 * a;
}

/** The sums of a block of rows down the columns. */
function columns<S>(
  u: usize,
  x: usize,
  means: usize,
  rstds: usize,
  gainSums: usize,
  biasSums: usize,
  rows: i32,
  size: i32,
): void {
  let single = rows == BLOCK;
  for (let row = 0; row < rows; row++) {
    single = single && rowFitsSingle(load<f64>(rstds + <usize>row * sizeof<f64>()));
  }
  const rowBytes = <usize>size * changetype<S>(0).bytes();
  // In f32 what fills whole vectors of a block; in f64 what is left of it, the last rows where they fill no block, and
  // blocks with a row that f32 cannot hold.
  let from = 0;
  if (single) {
    sumColumnsOfBlock<Single<S>, Split>(x, u, rowBytes, means, rstds, gainSums, biasSums, size);
    from = size & ~3;
  }
  const offset = <usize>from * changetype<S>(0).bytes();
  gainSums += <usize>from * sizeof<f64>();
  biasSums += <usize>from * sizeof<f64>();
  for (let row = 0; row < rows && from < size; row++) {
    const m = load<f64>(means + <usize>row * sizeof<f64>());
    const r = load<f64>(rstds + <usize>row * sizeof<f64>());
    sumColumns<Double<S>, Whole>(x + offset, u + offset, m, r, gainSums, biasSums, size - from);
    u += rowBytes;
    x += rowBytes;
  }
}
