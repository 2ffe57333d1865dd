/**
 * Backward, one formula for every norm, as formulas/gradients.ts derives it:
 *
 *   dx = rstd dz - viaMean - viaStd t
 *   viaMean = rstd mean(dz)                                   0 where the mean is detached
 *   viaStd  = kappa rstd^3 sum(dz t) / (size - ddof)          0 where the std is detached
 */

import { Call } from "./call";
import {
  dzSum as channelsDzSum,
  dzTSum as channelsDzTSum,
  farthestOff as farthestOfChannels,
  sumChannels,
  sumChannelsAlone,
} from "./channel-sums";
import { writeChannels } from "./channels";
import { flushColumns, mapRowsAndSumColumns, sumColumns, sumColumnsOfTwo } from "./columns";
import { ChannelGradient, Direct, GradientFactors, Input, PlainGradient } from "./formulas/gradients";
import { dzSum, dzTSum, dzUnit, farthestOff, sumGradient } from "./gradient-sums";
import { writeHardRow, writeRow } from "./maps";
import { farthestX, hSum, hXSum, Keeping, Kept, Made, sumNearOrigin, writeNearOrigin } from "./near-origin";
import { backwardRstd, factorsFitSingle, GradientFits, needsSplit, Precision, precisionOf } from "./precision";
import { derivativeFactor, SHORT } from "./statistics";
import { farthest } from "./sums";
import { closeStripe, giveSample } from "./totals";

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
  const fits = call.size >= SHORT && factorsFitSingle(factors.scale(call), factors.k(call));
  const largest = fits ? changetype<GradientFits>(0).largest(factors.k(call), call.size) : -1;
  if (!gradient.isAda() && call.columns) {
    backwardAndSumColumns<G>(call, from, rows, largest, scales);
    return;
  }
  const kept = placeOfH<G>(call, from + rows - 1);
  // One row at a time: two would be more streams to fetch.
  for (let row = from; row < from + rows; row++) {
    const rstd = backwardRstd(call.rstd(row));
    const precision = solve<G>(call, row, rstd, largest, kept);
    if (scales) writeRow<Direct<PlainGradient>>(call, row, precision, rstd, 0, 0);
    else if (kept && precision == Precision.Single)
      writeNearOrigin<Kept>(call, row, 0, factors.unit(call, rstd) * rstd, viaMean, viaStd);
    else writeDx<G>(call, row, precision, rstd, viaMean, viaStd);
  }
}

/**
 * Where sums keep h for the pass that writes: in dx of the last row, which is written last. One row stays in the nearest cache, and
 * dx is fetched while it is written, not while x and dy are. 0 if sums keep no h: where it is dy, where dx is dy or x, which must not
 * change before the last row is done, or where there are no sums.
 */
function placeOfH<G>(call: Call, last: i32): usize {
  const gradient = changetype<G>(0);
  const isDy = !gradient.usesX() && !gradient.usesGain();
  return isDy || isDetached(call) || call.dx == call.dy || call.dx == call.x ? 0 : call.dxAt(last);
}

/** Writes dx of a row, from dy and x. */
function writeDx<G>(call: Call, row: i32, precision: Precision, rstd: f64, throughMean: f64, throughStd: f64): void {
  if (precision == Precision.Single) {
    const factor = changetype<GradientFactors<G>>(0).unit(call, rstd) * rstd;
    writeNearOrigin<Made<G>>(call, row, 0, factor, throughMean, throughStd);
  } else {
    writeHardRow<Input<G>>(call, row, precision, rstd, throughMean, throughStd);
  }
}

/** The same with sums down the columns. `largest` is that of solve; `scales`: dx is dy times a scalar. */
function backwardAndSumColumns<G>(call: Call, from: i32, rows: i32, largest: f64, scales: bool): void {
  const end = from + rows;
  for (let row = from; row < end; ) {
    // Columns are summed by pairs of rows of a sample, which begin at even numbers.
    const number = call.numberOf(row);
    const isPair = (number & 1) == 0 && row + 1 < end && call.isWithNext(row);
    const rstd0 = backwardRstd(call.rstd(row));
    const precision0 = solve<G>(call, row, rstd0, largest, 0);
    const viaMean0 = viaMean;
    const viaStd0 = viaStd;
    let rstd1: f64 = 0;
    let precision1 = Precision.Double;
    if (isPair) {
      rstd1 = backwardRstd(call.rstd(row + 1));
      precision1 = solve<G>(call, row + 1, rstd1, largest, 0);
    }
    const viaMean1 = viaMean;
    const viaStd1 = viaStd;
    if (number > FIRST && number % FLUSHED == 0) flushColumns(call);
    const single = isPair && precision0 == Precision.Single && precision1 == Precision.Single;
    // A single row computes rstd dz alone if `scales`. A pair subtracts viaStd t too, and even with viaStd = 0 that can change the
    // sign of a zero, so these rows never go in pairs.
    if (single && number >= FIRST && !scales) {
      writeTwoRows<G>(call, row, rstd0, rstd1, viaMean0, viaStd0);
      row += 2;
      closeRows(call, row, number + 2);
      continue;
    }
    // Before dx is written, which may be dy or x.
    if (isPair) sumColumnsOfTwo(call, row, rstd0, rstd1);
    else sumColumns(call, row, rstd0, 0);
    if (scales) {
      writeRow<Direct<PlainGradient>>(call, row, precision0, rstd0, 0, 0);
      if (isPair) writeRow<Direct<PlainGradient>>(call, row + 1, precision1, rstd1, 0, 0);
    } else {
      writeDx<G>(call, row, precision0, rstd0, viaMean0, viaStd0);
      if (isPair) writeDx<G>(call, row + 1, precision1, rstd1, viaMean1, viaStd1);
    }
    const summed = isPair ? 2 : 1;
    row += summed;
    closeRows(call, row, number + summed);
  }
}

/** Closes the stripe, and the sample, that end before this row: their sample has had `number` rows until here. */
function closeRows(call: Call, row: i32, number: i32): void {
  if (number % STRIPE == 0) closeStripe(call);
  if (number == call.rowsPerGain) giveSample(call, call.sampleOf(row - 1));
}

/**
 * The same for rows whose gain and bias are by channel. If the call has columns, writes the sums of each row's channels there, which
 * addChannels adds up.
 */
export function backwardByChannel(call: Call, from: i32, rows: i32): void {
  const largest = call.size >= SHORT ? changetype<GradientFits>(0).largest(0, call.size) : -1;
  for (let row = from; row < from + rows; row++) {
    const rstd = backwardRstd(call.rstd(row));
    const precision = solve<ChannelGradient>(call, row, rstd, largest, 0);
    // In all other calls the sums of the row have left those of its channels.
    if (call.columns && isDetached(call)) sumChannelsAlone(call, row, rstd, precision);
    writeChannels<Input<ChannelGradient>>(call, row, precision, rstd, viaMean, viaStd);
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
 * Finds the precision of a row, and sets viaMean and viaStd as that wants them. `largest`: the largest z^2 that f32 can
 * take; less than 0 if it cannot take the factors of the gradient, or rows of this size.
 */
function solve<G>(call: Call, row: i32, rstd: f64, largest: f64, kept: usize): Precision {
  const k = changetype<GradientFactors<G>>(0).k(call);
  const size = call.size;
  const mean = call.mean(row);
  const split = needsSplit(mean, rstd);
  viaMean = 0;
  viaStd = 0;
  const fit = changetype<GradientFits>(0);
  const single = largest > 0 && fit.row(rstd) && (!changetype<G>(0).isAda() || fit.kRstd(k * rstd));
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
    const unit = changetype<GradientFactors<G>>(0).unit(call, rstd);
    let sum: f64;
    let sumT: f64;
    let farthestFromOrigin: f64;
    if (changetype<G>(0).isByChannel()) {
      sumChannels(call, row, rstd, Precision.Single);
      sum = channelsDzSum;
      sumT = channelsDzTSum;
      farthestFromOrigin = farthestOfChannels - abs(mean);
    } else {
      if (kept) sumNearOrigin<Keeping<G>>(call, row, kept);
      else sumNearOrigin<Made<G>>(call, row, 0);
      sum = hSum;
      sumT = hXSum - mean * sum;
      farthestFromOrigin = farthestX;
    }
    const z = perSigma * (farthestFromOrigin + abs(mean));
    const throughStd = toStd * unit * sumT;
    const throughMean = toMean * unit * sum;
    if (z * z <= largest && fit.scalars(sum, sumT, throughMean, throughStd)) {
      // dx = rstd dz - viaMean - viaStd (x - mean)
      viaMean = throughMean - throughStd * mean;
      viaStd = throughStd;
      return Precision.Single;
    }
    least = perSigma * (farthestFromOrigin - abs(mean));
  }
  if (single && least * abs(least) <= largest) {
    // Split serves a nearer mean too, and knows how far the elements are from it.
    sumGradient<G>(call, row, rstd, true);
    viaMean = toMean * dzUnit * dzSum;
    viaStd = toStd * dzUnit * dzTSum;
    const z = perSigma * farthestOff;
    if (z * z <= largest && fit.scalars(dzSum, dzTSum, viaMean, viaStd)) return Precision.Split;
  }
  sumGradient<G>(call, row, rstd, false);
  // Divides before it multiplies: if all dz are equal, viaMean is then exactly rstd dz, and dx is 0.
  viaMean = call.detachMean ? 0 : dzUnit * rstd * (dzSum / <f64>size);
  // The sum over a constant row is 0. It must stay 0 even if rstd^3 overflows.
  viaStd = dzTSum == 0 ? dzTSum : toStd * (dzUnit * dzTSum);
  return Precision.Double;
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
    writeNearOrigin<Made<G>>(call, row, rest, rstd0, viaMean0, viaStd0);
    writeNearOrigin<Made<G>>(call, next, rest, rstd1, viaMean1, viaStd1);
  }
}
