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

/** Rows whose columns are added in single precision before double precision takes over. */
const FLUSHED: i32 = 8;
/**
 * The first rows of a batch, whose columns go in double precision throughout: what is rounded alike in all rows shows most
 * where there are few.
 */
const FIRST: i32 = 8;

/** dx of rows from..from + rows of the block, by the gradient G, and what they add to the sums down the columns. */
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
      // Before dx is written, which may be dy or x.
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
  // The mean first: where all dz are the same, rstd dz and viaMean are then, too, and dx is 0.
  viaMean = call.detachMean ? 0 : rstd * (sum0 / <f64>size);
  // The sum of a constant row is 0, whatever becomes of rstd^3.
  viaStd = sum1 == 0 ? sum1 : toStd * sum1;
  return Precision.Double;
}

/**
 * Whether f32 can take a row in which the largest z^2 is this. Where one element makes up more than a quarter of the
 * variance, dx is the small difference of rstd dz and viaStd t there; where its z is large, it magnifies what rounding
 * x - mean alike in all of a binade has put into viaStd; and where k z is near 1, 1 - k z is a small difference too.
 */
function outlierFitsSingle(largest: f64, k: f64, size: i32): bool {
  return largest <= 36 && 4 * largest <= <f64>size && k * k * largest <= LARGEST_SLOPE;
}

/** Up to here (k z)^2 leaves 1 - k z to f32. */
const LARGEST_SLOPE: f64 = 0.81;

/** The same of k z alone, where nothing is summed. No z^2 is more than the number of elements. */
function slopeFitsSingle(x: usize, mean: f64, rstd: f64, k: f64, size: i32): bool {
  if (k * k * <f64>size <= LARGEST_SLOPE) return true;
  const z = rstd * farthest(x, mean, size);
  return k * k * z * z <= LARGEST_SLOPE;
}

/**
 * dx of a row and the next, which f32 can take with their means whole, and the sums down their columns. Of the first row
 * viaMean and viaStd are given; those of the second were found last.
 */
function writeTwoRows<G>(call: Call, row: i32, rstd0: f64, rstd1: f64, viaMean0: f64, viaStd0: f64): void {
  const next = row + 1;
  const viaMean1 = viaMean;
  const viaStd1 = viaStd;
  // The columns that fill no pair of vectors.
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
