/**
 * Mean and squares of a row, by the cheapest algorithm that is exact enough for it, and what follows from them.
 */

import { Call } from "./call";
import { Origin, Whole } from "./formulas/centring";
import { Value } from "./formulas/elements";
import { Double, Single } from "./lanes";
import { sum0, sum1, sumElements } from "./sums";

/** What the last function of this file found: the mean, and the sum of (x - mean)^2. */
export let mean: f64 = 0;
export let squares: f64 = 0;

/** Squares in single precision are trusted while their mean lies between these: none overflows, none that counts vanishes. */
const SMALLEST: f64 = 5.421010862427522e-20; // 2^-64
const LARGEST: f64 = 1.8446744073709552e19; // 2^64

/** Rows shorter than this go in f64 throughout: too few terms for their roundings to even out, and little time to save. */
export const SHORT: i32 = 64;

function trusted(squares: f64, n: f64): bool {
  return squares >= SMALLEST * n && squares <= LARGEST * n;
}

/**
 * Sets `mean` and `squares`. One pass serves ordinary rows, a second one rows far from the origin; short rows, rows whose
 * squares f32 cannot hold, constant rows and rows with NaN or infinity go in f64.
 */
export function moments(x: usize, size: i32): void {
  if (size >= SHORT) {
    sumElements<Single, Origin, Value>(x, size, 0);
    momentsOfSums(x, size, sum0, sum1);
  } else {
    momentsInDouble(x, size);
  }
}

/** The same where the sums of x and x^2 have been found already, in single precision. */
export function momentsOfSums(x: usize, size: i32, sum: f64, sumSquares: f64): void {
  if (!momentsAboutOrigin(size, sum, sumSquares) && !momentsAboutMean(x, size)) momentsInDouble(x, size);
}

/** sum (x - mean)^2 = sum x^2 - (sum x)^2 / n: exact enough while the mean is within half a sigma. */
function momentsAboutOrigin(size: i32, sum: f64, sumSquares: f64): bool {
  const m = sum / <f64>size;
  const off = sum * m;
  const left = sumSquares - off;
  mean = m;
  squares = left;
  return off * 4 <= left && trusted(left, <f64>size);
}

/** About the f32 nearest to the mean just found, with Chan's correction for what was left of it. */
function momentsAboutMean(x: usize, size: i32): bool {
  const centre = <f32>mean;
  sumElements<Single, Whole, Value>(x, size, <f64>centre);
  const shift = sum0 / <f64>size;
  mean = <f64>centre + shift;
  squares = sum1 - sum0 * shift;
  return trusted(squares, <f64>size);
}

/** In f64 throughout: for any row at all, at less than half the speed. */
export function momentsInDouble(x: usize, size: i32): void {
  sumElements<Double, Origin, Value>(x, size, 0);
  const centre = sum0 / <f64>size;
  sumElements<Double, Whole, Value>(x, size, centre);
  const shift = sum0 / <f64>size;
  // About an infinite mean there is nothing left to correct it by.
  mean = abs(centre) < Infinity ? centre + shift : centre;
  squares = sum1 - sum0 * shift;
}

/** Sets `mean` to 0 and `squares` to the sum of x^2: rmsNorm in the terms of the others. */
export function momentsAtOrigin(x: usize, size: i32): void {
  if (size >= SHORT) {
    sumElements<Single, Origin, Value>(x, size, 0);
    momentsAtOriginOfSums(x, size, sum1);
  } else {
    momentsAtOriginInDouble(x, size);
  }
}

/** The same where the sum of x^2 has been found already, in single precision. */
export function momentsAtOriginOfSums(x: usize, size: i32, sumSquares: f64): void {
  mean = 0;
  squares = sumSquares;
  if (!trusted(sumSquares, <f64>size)) momentsAtOriginInDouble(x, size);
}

function momentsAtOriginInDouble(x: usize, size: i32): void {
  mean = 0;
  sumElements<Double, Origin, Value>(x, size, 0);
  // No finite row overflows f64: where the sum is infinite an element was, and the whole row is to be NaN.
  squares = sum1 < Infinity ? sum1 : NaN;
}

/**
 * r = 1 / sigma; eps is added to the variance or, with epsAtStd, to its square root. Infinite for constant rows where eps is
 * 0, and there alone: the largest f64 at most where eps is not.
 */
export function reciprocalStd(variance: f64, eps: f64, epsAtStd: bool): f64 {
  const r = 1 / (epsAtStd ? sqrt(variance) + eps : sqrt(variance + eps));
  return r == Infinity && eps > 0 ? f64.MAX_VALUE : r;
}

/**
 * Makes means and rstds of two rows of their sums of x and x^2, which lie in their places: by the same operations as
 * momentsOfSums and reciprocalStd, on both rows at once. Returns false, and stores nothing, where either row takes more than
 * one pass.
 */
export function settleTwoRows(call: Call, row: i32): bool {
  const size = f64x2.splat(<f64>call.size);
  const sums = v128.load(call.meanAt(row));
  let squares = v128.load(call.rstdAt(row));
  let means = f64x2.splat(0);
  let served = i64x2(-1, -1);
  if (call.centred) {
    means = f64x2.div(sums, size);
    const off = f64x2.mul(sums, means);
    squares = f64x2.sub(squares, off);
    served = f64x2.le(f64x2.mul(off, f64x2.splat(4)), squares);
  }
  served = v128.and(served, f64x2.ge(squares, f64x2.mul(f64x2.splat(SMALLEST), size)));
  served = v128.and(served, f64x2.le(squares, f64x2.mul(f64x2.splat(LARGEST), size)));
  if (!i64x2.all_true(served)) return false;
  const variances = f64x2.div(squares, f64x2.splat(<f64>(call.size - call.ddof)));
  const eps = f64x2.splat(call.eps);
  const sigmas = call.epsAtStd ? f64x2.add(f64x2.sqrt(variances), eps) : f64x2.sqrt(f64x2.add(variances, eps));
  v128.store(call.meanAt(row), means);
  // Finite: these variances are not near 0.
  v128.store(call.rstdAt(row), f64x2.div(f64x2.splat(1), sigmas));
  return true;
}

/** kappa = sigma / sqrt(variance), which the derivative of sigma brings in with epsAtStd; 0 for a constant row. */
export function derivativeFactor(rstd: f64, eps: f64, epsAtStd: bool): f64 {
  if (!epsAtStd) return 1;
  const std = 1 / rstd - eps;
  // Beside an eps that is near the largest f64 nothing is left of it.
  return std > 0 && std < Infinity ? (std + eps) / std : 0;
}
