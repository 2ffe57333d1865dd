/**
 * The mean and the sum of squares of a row, by the cheapest algorithm that is exact enough for it, and scalars made from
 * them.
 */

import { Call } from "./call";
import { Origin, Whole } from "./formulas/centring";
import { Value } from "./formulas/elements";
import { Double, Single } from "./lanes";
import { sum0, sum1, sumElements } from "./sums";

/** The results of the last function of this file: the mean, and the sum of (x - mean)^2. */
export let mean: f64 = 0;
export let squares: f64 = 0;

/**
 * Sums of squares in f32 are trusted if their mean lies between these: no square overflows, and none that matters
 * underflows.
 */
const SMALLEST: f64 = 5.421010862427522e-20; // 2^-64
const LARGEST: f64 = 1.8446744073709552e19; // 2^64

/**
 * Shorter rows use f64 throughout: they have too few terms for rounding errors to average out, and f32 would save little.
 */
export const SHORT: i32 = 64;

function trusted(squares: f64, size: f64): bool {
  return squares >= SMALLEST * size && squares <= LARGEST * size;
}

/**
 * Sets `mean` and `squares`. Ordinary rows take one pass in f32. Rows far from the origin take a second one. Short rows,
 * constant rows, rows whose squares f32 cannot hold, and rows with NaN or infinity use f64.
 */
export function moments(x: usize, size: i32): void {
  if (size >= SHORT) {
    sumElements<Single, Origin, Value>(x, size, 0);
    momentsOfSums(x, size, sum0, sum1);
  } else {
    momentsInDouble(x, size);
  }
}

/** The same as `moments`, for a row whose sums of x and x^2 are already known, in single precision. */
export function momentsOfSums(x: usize, size: i32, sum: f64, sumSquares: f64): void {
  if (!momentsAboutOrigin(size, sum, sumSquares) && !momentsAboutMean(x, size)) momentsInDouble(x, size);
}

/**
 * sum (x - mean)^2 = sum x^2 - (sum x)^2 / n. Returns whether that is exact enough: the mean must be within sigma / 2 of 0.
 */
function momentsAboutOrigin(size: i32, sum: f64, sumSquares: f64): bool {
  const average = sum / <f64>size;
  const correction = sum * average;
  const corrected = sumSquares - correction;
  mean = average;
  squares = corrected;
  return correction * 4 <= corrected && trusted(corrected, <f64>size);
}

/** Sums about the f32 nearest to the mean found so far. Chan's correction accounts for the rest of the mean. */
function momentsAboutMean(x: usize, size: i32): bool {
  const centre = <f32>mean;
  sumElements<Single, Whole, Value>(x, size, <f64>centre);
  const shift = sum0 / <f64>size;
  mean = <f64>centre + shift;
  squares = sum1 - sum0 * shift;
  return trusted(squares, <f64>size);
}

/** The same as `moments`, in f64 throughout: exact enough for every row, at less than half the speed. */
export function momentsInDouble(x: usize, size: i32): void {
  sumElements<Double, Origin, Value>(x, size, 0);
  const centre = sum0 / <f64>size;
  sumElements<Double, Whole, Value>(x, size, centre);
  const shift = sum0 / <f64>size;
  // If the mean is not finite, the shift means nothing: keep the mean as it is.
  mean = abs(centre) < Infinity ? centre + shift : centre;
  squares = sum1 - sum0 * shift;
}

/** Sets `mean` to 0 and `squares` to the sum of x^2, as rmsNorm and l2Norm need them. */
export function momentsAtOrigin(x: usize, size: i32): void {
  if (size >= SHORT) {
    sumElements<Single, Origin, Value>(x, size, 0);
    momentsAtOriginOfSums(x, size, sum1);
  } else {
    momentsAtOriginInDouble(x, size);
  }
}

/** The same as `momentsAtOrigin`, for a row whose sum of x^2 is already known, in single precision. */
export function momentsAtOriginOfSums(x: usize, size: i32, sumSquares: f64): void {
  mean = 0;
  squares = sumSquares;
  if (!trusted(sumSquares, <f64>size)) momentsAtOriginInDouble(x, size);
}

function momentsAtOriginInDouble(x: usize, size: i32): void {
  mean = 0;
  sumElements<Double, Origin, Value>(x, size, 0);
  // Finite rows cannot overflow f64. An infinite sum means an infinite element, and then the whole row must be NaN.
  squares = sum1 < Infinity ? sum1 : NaN;
}

/**
 * rstd = 1 / sigma; eps is added to the variance or, with epsAtStd, to its square root, or is the least sigma. Infinite only for a
 * constant row with eps = 0. If eps > 0, the largest f64 at most.
 */
export function reciprocalStd(call: Call, variance: f64): f64 {
  const eps = call.eps;
  const std = sqrt(variance);
  // max keeps NaN.
  const sigma = call.epsIsLeast ? max(std, eps) : call.epsAtStd ? std + eps : sqrt(variance + eps);
  const rstd = 1 / sigma;
  return rstd == Infinity && eps > 0 ? f64.MAX_VALUE : rstd;
}

/** Divides two f64 by a divisor: by a product if its reciprocal is exact, which gives the same and takes a third of the time. */
@unmanaged
@final
class Quotient {
  @inline of(a: v128, divisor: v128, reciprocal: v128, isExact: bool): v128 {
    return isExact ? f64x2.mul(a, reciprocal) : f64x2.div(a, divisor);
  }
}

/**
 * Makes means and rstds of pairs of rows of their sums of x and x^2, which lie in their places: by the same operations as
 * momentsOfSums and reciprocalStd, on both rows at once. Returns the first row that is not done: `end`, the last row if it has no
 * pair, or the first of a pair of which either takes more than one pass.
 */
export function settlePairs(call: Call, from: i32, end: i32): i32 {
  if (end - from < 2) return from;
  const quotient = changetype<Quotient>(0);
  const size = f64x2.splat(<f64>call.size);
  const perSize = f64x2.div(f64x2.splat(1), size);
  // Of a power of two.
  const isExact = !(call.size & (call.size - 1));
  const freedoms = f64x2.splat(<f64>(call.size - call.ddof));
  const areFreedomsExact = isExact && !call.ddof;
  const least = f64x2.mul(f64x2.splat(SMALLEST), size);
  const most = f64x2.mul(f64x2.splat(LARGEST), size);
  const eps = f64x2.splat(call.eps);
  let row = from;
  do {
    const sums = v128.load(call.meanAt(row));
    let squares = v128.load(call.rstdAt(row));
    let means = f64x2.splat(0);
    let served = i64x2(-1, -1);
    if (call.centred) {
      means = quotient.of(sums, size, perSize, isExact);
      const off = f64x2.mul(sums, means);
      squares = f64x2.sub(squares, off);
      served = f64x2.le(f64x2.mul(off, f64x2.splat(4)), squares);
    }
    served = v128.and(served, v128.and(f64x2.ge(squares, least), f64x2.le(squares, most)));
    if (!i64x2.all_true(served)) return row;
    const variances = quotient.of(squares, freedoms, perSize, areFreedomsExact);
    const sigmas = call.epsIsLeast
      ? f64x2.max(f64x2.sqrt(variances), eps)
      : call.epsAtStd
        ? f64x2.add(f64x2.sqrt(variances), eps)
        : f64x2.sqrt(f64x2.add(variances, eps));
    v128.store(call.meanAt(row), means);
    // Finite: these variances are not near 0.
    v128.store(call.rstdAt(row), f64x2.div(f64x2.splat(1), sigmas));
    row += 2;
  } while (row + 1 < end);
  return row;
}

/**
 * kappa = sigma / sqrt(variance), which the derivative of sigma brings in with epsAtStd; 0 for a constant row. With epsIsLeast, 1, or 0
 * for a row whose sigma is eps. Without either it is 1.
 */
export function derivativeFactor(call: Call, rstd: f64): f64 {
  const eps = call.eps;
  // The reciprocal of a sigma that is more than eps may be rounded to that of eps, but never to more.
  if (call.epsIsLeast) return rstd < 1 / eps ? 1 : 0;
  const std = 1 / rstd - eps;
  // std is not positive and finite if the row is constant, or if eps is so large that nothing of std is left beside it.
  return std > 0 && std < Infinity ? (std + eps) / std : 0;
}
