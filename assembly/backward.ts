/**
 * Backward, one formula for every norm, as formulas/gradients.ts derives it:
 *
 *   dx = rstd dz - viaMean - viaStd t
 *   viaMean = rstd mean(dz)                                   0 where the mean is detached
 *   viaStd  = kappa rstd^3 sum(dz t) / (size - ddof)          0 where the std is detached
 */

import { Call } from "./call";
import { flushColumns, mapRowsAndSumColumns, sumColumns } from "./columns";
import { Whole } from "./formulas/centring";
import { Direct, GradientFactors, Input, PlainGradient } from "./formulas/gradients";
import { Single } from "./lanes";
import { mapRow, writeRow } from "./maps";
import { backwardRstd, factorsFitSingle, gradientFitsSingle, needsSplit, Precision, sumFitsSingle } from "./precision";
import { derivativeFactor, SHORT } from "./statistics";
import { farthest, largestSquare, sum0, sum1, sumGradient } from "./sums";

/** Rows between two flushes of the column sums from single to double precision. */
const FLUSHED: i32 = 8;
/**
 * The first rows of a batch, whose columns are summed in double precision only. Rounding errors that are equal in all rows
 * do not average out, and they show most in sums of few rows.
 */
const FIRST: i32 = 8;

/** Writes dx, by the gradient G, for `rows` rows of the block starting at row `from`, and adds them to the column sums. */
export function backward<G>(call: Call, from: i32, rows: i32): void {
  const gradient = changetype<G>(0);
  const end = from + rows;
  const columns: usize = gradient.isAda() ? 0 : call.columns;
  // With both statistics constant dx is rstd dz; and where that is dy times a scalar, x is not read at all.
  const scales = !gradient.usesX() && !gradient.usesGain() && call.isDetached();
  for (let row = from; row < end; row++) {
    const rstd = backwardRstd(call.rstd(row));
    const precision = solve<G>(call, row, rstd);
    const viaMean0 = viaMean;
    const viaStd0 = viaStd;
    if (columns) {
      const number = call.first + row;
      const even = (number & 1) == 0;
      if (number % FLUSHED == 0) flushColumns(call);
      // Not where dx is rstd dz alone, as a row by itself has it: to take viaStd t from that, viaStd = 0, may change the sign
      // of a zero.
      if (number >= FIRST && even && row + 1 < end && precision == Precision.Single && !scales) {
        const nextRstd = backwardRstd(call.rstd(row + 1));
        if (solve<G>(call, row + 1, nextRstd) == Precision.Single) {
          writeTwoRows<G>(call, row, rstd, nextRstd, viaMean0, viaStd0);
          row++;
          continue;
        }
      }
      // This reads dy and x, so it must come before dx is written: dx may have the same address as either.
      sumColumns(call, row, rstd, 0);
    }
    if (scales) writeRow<Direct<PlainGradient>>(call, row, precision, rstd, 0, 0);
    else writeRow<Input<G>>(call, row, precision, rstd, viaMean0, viaStd0);
  }
}

/** What the last `solve` found. */
let viaMean: f64 = 0;
let viaStd: f64 = 0;

/** Sets viaMean and viaStd of a row, and tells how the row is to be computed. */
function solve<G>(call: Call, row: i32, rstd: f64): Precision {
  const factors = changetype<GradientFactors<G>>(0);
  const k = factors.k(call);
  const size = call.size;
  viaMean = 0;
  viaStd = 0;
  const mean = call.mean(row);
  const inSingle = needsSplit(mean, rstd) ? Precision.Split : Precision.Single;
  const fits = size >= SHORT && factorsFitSingle(factors.scale(call), k) && gradientFitsSingle(rstd);
  if (call.isDetached()) {
    const unsummed = fits && (!changetype<G>(0).usesX() || slopeFitsSingle(call.xAt(row), mean, rstd, k, size));
    return unsummed ? inSingle : Precision.Double;
  }
  const toMean = call.detachMean ? 0 : rstd / <f64>size;
  const kappa = derivativeFactor(call, rstd);
  const toStd = call.detachStd ? 0 : (kappa * rstd * rstd * rstd) / <f64>(size - call.ddof);
  if (fits) {
    sumGradient<G>(call, row, rstd, inSingle);
    viaMean = toMean * sum0;
    viaStd = toStd * sum1;
    if (
      sumFitsSingle(sum0) &&
      sumFitsSingle(sum1) &&
      sumFitsSingle(viaMean) &&
      sumFitsSingle(viaStd) &&
      outlierFitsSingle(rstd * rstd * largestSquare, k, size)
    )
      return inSingle;
  }
  sumGradient<G>(call, row, rstd, Precision.Double);
  // Divides before it multiplies: if all dz are equal, viaMean is then exactly rstd dz, and dx is 0.
  viaMean = call.detachMean ? 0 : rstd * (sum0 / <f64>size);
  // The sum over a constant row is 0. It must stay 0 even if rstd^3 overflows.
  viaStd = sum1 == 0 ? sum1 : toStd * sum1;
  return Precision.Double;
}

/**
 * Whether f32 is exact enough for a row whose largest z^2 is `largest`. There are three reasons why it may not be:
 * - One element makes up more than a quarter of the variance: its dx is then a small difference of rstd dz and viaStd t.
 * - An element has a large z, which magnifies the error of viaStd. That error comes from rounding x - mean the same way in
 *   all elements of a binade.
 * - k z is near 1: then 1 - k z is a small difference.
 */
function outlierFitsSingle(largest: f64, k: f64, size: i32): bool {
  return largest <= 36 && 4 * largest <= <f64>size && k * k * largest <= LARGEST_SLOPE;
}

/** The largest (k z)^2 for which f32 computes 1 - k z exactly enough. */
const LARGEST_SLOPE: f64 = 0.81;

/** Whether f32 computes 1 - k z exactly enough in a row that needs no sums. z^2 never exceeds the number of elements. */
function slopeFitsSingle(x: usize, mean: f64, rstd: f64, k: f64, size: i32): bool {
  if (k * k * <f64>size <= LARGEST_SLOPE) return true;
  const z = rstd * farthest(x, mean, size);
  return k * k * z * z <= LARGEST_SLOPE;
}

/**
 * Writes dx of a row and the next, and sums their columns. Single precision and unsplit means must be enough for both.
 * viaMean0 and viaStd0 belong to the first row; those of the second are what `solve` found last.
 */
function writeTwoRows<G>(call: Call, row: i32, rstd0: f64, rstd1: f64, viaMean0: f64, viaStd0: f64): void {
  const next = row + 1;
  const viaMean1 = viaMean;
  const viaStd1 = viaStd;
  // The first column that belongs to no pair of vectors.
  const rest = call.size & ~7;
  if (rest < call.size) {
    sumColumns(call, row, rstd0, rest);
    sumColumns(call, next, rstd1, rest);
  }
  mapRowsAndSumColumns<G>(
    call,
    row,
    f32x4.splat(<f32>call.mean(row)),
    f32x4.splat(<f32>call.mean(next)),
    f32x4.splat(<f32>rstd0),
    f32x4.splat(<f32>rstd1),
    f32x4.splat(<f32>viaMean0),
    f32x4.splat(<f32>viaMean1),
    f32x4.splat(<f32>viaStd0),
    f32x4.splat(<f32>viaStd1),
  );
  if (rest < call.size) {
    mapRow<Single, Whole, Input<G>>(call, row, rest, rstd0, viaMean0, viaStd0);
    mapRow<Single, Whole, Input<G>>(call, next, rest, rstd1, viaMean1, viaStd1);
  }
}
