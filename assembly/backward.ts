/**
 * Backward, one formula for every norm, as formulas/gradients.ts derives it:
 *
 *   dx = rstd dz - viaMean - viaStd t
 *   viaMean = rstd mean(dz)                                   0 where the mean is detached
 *   viaStd  = kappa rstd^3 sum(dz t) / (size - ddof)          0 where the std is detached
 */

import { Call } from "./call";
import { flushColumns, mapRowsAndSumColumns, sumColumns, sumColumnsOfTwo } from "./columns";
import { Origin } from "./formulas/centring";
import { Direct, GradientFactors, Input, PlainGradient } from "./formulas/gradients";
import { dzSum, dzTSum, farthestOff, sumGradient } from "./gradient-sums";
import { Single } from "./lanes";
import { mapRow, writeRow } from "./maps";
import { backwardRstd, factorsFitSingle, GradientFits, needsSplit, Precision, precisionOf } from "./precision";
import { derivativeFactor, SHORT } from "./statistics";
import { farthest } from "./sums";
import { closeStripe } from "./totals";

/** Rows between two flushes of the column sums from single to double precision. */
const FLUSHED: i32 = 8;
/**
 * The first rows of a batch, whose columns are summed in double precision only. Rounding errors that are equal in all rows
 * do not average out, and they show most in sums of few rows.
 */
const FIRST: i32 = 8;
/** The rows of a stripe, whose columns are summed apart from those of other stripes. A multiple of the above. */
const STRIPE: i32 = 64;

/** Writes dx, by the gradient G, for `rows` rows of the block starting at row `from`, and adds them to the column sums. */
export function backward<G>(call: Call, from: i32, rows: i32): void {
  const gradient = changetype<G>(0);
  // With both statistics constant dx is rstd dz; and where that is dy times a scalar, x is not read at all.
  const scales = !gradient.usesX() && !gradient.usesGain() && isDetached(call);
  // Found once for all rows: a short row notices the comparisons.
  const factors = changetype<GradientFactors<G>>(0);
  const factorsFit = call.size >= SHORT && factorsFitSingle(factors.scale(call), factors.k(call));
  if (!gradient.isAda() && call.columns) {
    backwardAndSumColumns<G>(call, from, rows, factorsFit, scales);
    return;
  }
  // One row at a time: two would be more streams to fetch.
  for (let row = from; row < from + rows; row++) {
    const rstd = backwardRstd(call.rstd(row));
    const precision = solve<G>(call, row, rstd, factorsFit);
    if (scales) writeRow<Direct<PlainGradient>>(call, row, precision, rstd, 0, 0);
    else writeRow<Input<G>>(call, row, precision, rstd, viaMean, viaStd);
  }
}

/** The same with sums down the columns. `factorsFit` is that of solve; `scales`: dx is dy times a scalar. */
function backwardAndSumColumns<G>(call: Call, from: i32, rows: i32, factorsFit: bool, scales: bool): void {
  const end = from + rows;
  for (let row = from; row < end; ) {
    // Columns are summed by pairs of rows, which begin at even numbers.
    const number = call.first + row;
    const isPair = (number & 1) == 0 && row + 1 < end;
    const rstd0 = backwardRstd(call.rstd(row));
    const precision0 = solve<G>(call, row, rstd0, factorsFit);
    const viaMean0 = viaMean;
    const viaStd0 = viaStd;
    let rstd1: f64 = 0;
    let precision1 = Precision.Double;
    if (isPair) {
      rstd1 = backwardRstd(call.rstd(row + 1));
      precision1 = solve<G>(call, row + 1, rstd1, factorsFit);
    }
    const viaMean1 = viaMean;
    const viaStd1 = viaStd;
    if (number % FLUSHED == 0) flushColumns(call);
    const single = isPair && precision0 == Precision.Single && precision1 == Precision.Single;
    // A single row computes rstd dz alone if `scales`. A pair subtracts viaStd t too, and even with viaStd = 0 that can change the
    // sign of a zero, so these rows never go in pairs.
    if (single && number >= FIRST && !scales) {
      writeTwoRows<G>(call, row, rstd0, rstd1, viaMean0, viaStd0);
      row += 2;
      if ((number + 2) % STRIPE == 0) closeStripe(call);
      continue;
    }
    // Before dx is written, which may be dy or x.
    if (isPair) sumColumnsOfTwo(call, row, rstd0, rstd1);
    else sumColumns(call, row, rstd0, 0);
    if (scales) {
      writeRow<Direct<PlainGradient>>(call, row, precision0, rstd0, 0, 0);
      if (isPair) writeRow<Direct<PlainGradient>>(call, row + 1, precision1, rstd1, 0, 0);
    } else {
      writeRow<Input<G>>(call, row, precision0, rstd0, viaMean0, viaStd0);
      if (isPair) writeRow<Input<G>>(call, row + 1, precision1, rstd1, viaMean1, viaStd1);
    }
    row += isPair ? 2 : 1;
    if ((call.first + row) % STRIPE == 0) closeStripe(call);
  }
}

/** Whether both statistics are held constant. */
function isDetached(call: Call): bool {
  return call.detachMean && call.detachStd;
}

/** The results of the last `solve`. */
let viaMean: f64 = 0;
let viaStd: f64 = 0;

/**
 * Finds the precision of a row, and sets viaMean and viaStd as that wants them. `factorsFit`: whether f32 can take the factors of
 * the gradient, and rows of this size.
 */
function solve<G>(call: Call, row: i32, rstd: f64, factorsFit: bool): Precision {
  const k = changetype<GradientFactors<G>>(0).k(call);
  const size = call.size;
  const mean = call.mean(row);
  const split = needsSplit(mean, rstd);
  viaMean = 0;
  viaStd = 0;
  const fit = changetype<GradientFits>(0);
  const single = factorsFit && fit.row(rstd);
  if (isDetached(call)) {
    const fits = single && (!changetype<G>(0).usesX() || slopeFitsSingle(call.xAt(row), mean, rstd, k, size));
    return precisionOf(fits, split);
  }
  const toMean = call.detachMean ? 0 : rstd / <f64>size;
  const kappa = call.epsAtStd || call.epsIsLeast ? derivativeFactor(call, rstd) : 1;
  const toStd = call.detachStd ? 0 : (kappa * rstd * rstd * rstd) / <f64>(size - call.ddof);
  // With epsIsLeast z is relative to the sum of squares: what rounding does depends on their mean.
  const perSigma = call.epsIsLeast ? rstd * sqrt(<f64>size) : rstd;
  // No less than this is the largest |t|, once sums about the origin have told.
  let least: f64 = 0;
  if (single && !split) {
    sumGradient<G>(call, row, rstd, Precision.Single);
    if (fitSingle(toMean, toStd, perSigma, k, size)) {
      // dx = rstd dz - viaMean - viaStd (x - mean)
      viaMean -= viaStd * mean;
      return Precision.Single;
    }
    least = max(farthestOff - 2 * abs(mean), 0);
  }
  if (single && fit.outlier(perSigma * least, k, size)) {
    // Split serves a nearer mean too, and knows how far the elements are from it.
    sumGradient<G>(call, row, rstd, Precision.Split);
    if (fitSingle(toMean, toStd, perSigma, k, size)) return Precision.Split;
  }
  sumGradient<G>(call, row, rstd, Precision.Double);
  // Divides before it multiplies: if all dz are equal, viaMean is then exactly rstd dz, and dx is 0.
  viaMean = call.detachMean ? 0 : rstd * (dzSum / <f64>size);
  // The sum over a constant row is 0. It must stay 0 even if rstd^3 overflows.
  viaStd = dzTSum == 0 ? dzTSum : toStd * dzTSum;
  return Precision.Double;
}

/** Sets viaMean and viaStd of the sums just found, and tells whether f32 can take a row that has these. */
function fitSingle(toMean: f64, toStd: f64, perSigma: f64, k: f64, size: i32): bool {
  const fit = changetype<GradientFits>(0);
  viaMean = toMean * dzSum;
  viaStd = toStd * dzTSum;
  return (
    fit.scalar(dzSum) &&
    fit.scalar(dzTSum) &&
    fit.scalar(viaMean) &&
    fit.scalar(viaStd) &&
    fit.outlier(perSigma * farthestOff, k, size)
  );
}

/** Whether f32 computes 1 - k z exactly enough in a row that needs no sums. z^2 never exceeds the number of elements. */
function slopeFitsSingle(x: usize, mean: f64, rstd: f64, k: f64, size: i32): bool {
  const fits = changetype<GradientFits>(0);
  if (fits.slope(k, <f64>size)) return true;
  const z = rstd * farthest(x, mean, size);
  return fits.slope(k, z * z);
}

/**
 * dx of a row and the next, which are both Single, and the sums down their columns. Of the first viaMean and viaStd are given;
 * those of the second were found last.
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
    mapRow<Single, Origin, Input<G>>(call, row, rest, rstd0, viaMean0, viaStd0);
    mapRow<Single, Origin, Input<G>>(call, next, rest, rstd1, viaMean1, viaStd1);
  }
}
