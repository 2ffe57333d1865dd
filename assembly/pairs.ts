/**
 * Passes of forward over two rows at a time, for rows that need neither f64 nor a split mean. A pass writes y of both rows, or
 * writes y of one row and sums another. A row gives the same bytes in a pair as alone.
 */

import { Quad, storeSums } from "./batches";
import { Call } from "./call";
import { Whole } from "./formulas/centring";
import { Factors, Forward, Gain } from "./formulas/forward";
import { Single } from "./lanes";
import { mapRow, REST, writeRow } from "./maps";
import { areOrdinary, needsSplit, precisionOf, rowFitsSingle } from "./precision";
import { LONG } from "./sums";

/** Vectors in a group, the bytes of one vector, and the bytes of a group. */
const GROUP: usize = 4;
const STEP: usize = 16;
const GROUP_BYTES: usize = STEP * GROUP;
/** The distance in rows between the row that mapAndSumRow writes and the row that it sums. */
export const AHEAD: i32 = 2;

/**
 * Writes y of rows from `from` to `end`, whose means and rstds are known. Short rows go two at a time if both are ordinary and of
 * one sample: a pair loads gain and bias once, and shares the work outside the loop. Long rows go one at a time, because two would only be more
 * streams to fetch; and those that fill no group do. `factorsFit`: f32 is exact enough for scale and k. Returns whether f32 was exact enough for every row.
 */
export function writeRows<F>(call: Call, from: i32, end: i32, factorsFit: bool): bool {
  const formula = changetype<F>(0);
  let allFit = factorsFit;
  let row = from;
  while (row < end) {
    if (factorsFit && call.size > REST && call.size < LONG && end - row > 1 && call.isWithNext(row)) {
      const means = v128.load(call.meanAt(row));
      const rstds = v128.load(call.rstdAt(row));
      if (areOrdinary(means, rstds)) {
        writeTwoRows<F>(call, row, means, rstds);
        row += 2;
        continue;
      }
    }
    const rstd = call.rstd(row);
    const fits = factorsFit && rowFitsSingle(rstd);
    allFit = allFit && fits;
    const precision = precisionOf(fits, needsSplit(call.mean(row), rstd));
    // Gain gives the same, as the mean is 0, and its loops for single rows are there anyway.
    if (formula.isCentred()) writeRow<Forward<F>>(call, row, precision, rstd, 0, 0);
    else writeRow<Forward<Gain>>(call, row, precision, rstd, 0, 0);
    row++;
  }
  return allFit;
}

/** Writes the last columns of a row, which fill no group. Gain serves GainOfX, as above. */
function writeRest<F>(call: Call, row: i32): void {
  const column = call.size & ~REST;
  if (changetype<F>(0).isCentred()) mapRow<Single, Whole, Forward<F>>(call, row, column, call.rstd(row), 0, 0);
  else mapRow<Single, Whole, Forward<Gain>>(call, row, column, call.rstd(row), 0, 0);
}

/** Takes a scalar of two rows, as two f64 in one vector, and splats that of one row as f32. */
@unmanaged
@final
class Scalars {
  @inline first(pair: v128): v128 {
    return f32x4.shuffle(pair, pair, 0, 0, 0, 0);
  }
  @inline second(pair: v128): v128 {
    return f32x4.shuffle(pair, pair, 1, 1, 1, 1);
  }
}

/** One vector of t = x - mean. */
@unmanaged
@final
class Centred<F> {
  @inline t(x: usize, mean: v128): v128 {
    const elements = changetype<Single>(0).load(x);
    return changetype<F>(0).isCentred() ? changetype<Single>(0).sub(elements, mean) : elements;
  }
}

/** One vector of y for each of two rows, with one load of gain and bias. */
@unmanaged
@final
class TwoRows<F> {
  // structure: part of writeTwoRows, written once for its four vectors
  @inline at(
    x0: usize,
    x1: usize,
    y0: usize,
    y1: usize,
    gain: usize,
    bias: usize,
    mean0: v128,
    mean1: v128,
    factor0: v128,
    factor1: v128,
    slope0: v128,
    slope1: v128,
  ): void {
    const lanes = changetype<Single>(0);
    const formula = changetype<F>(0);
    const none = f64x2.splat(0);
    const gains = formula.usesGain() ? lanes.load(gain) : none;
    const biases = formula.usesBias() ? lanes.load(bias) : none;
    const centred = changetype<Centred<F>>(0);
    lanes.store(y0, formula.y<Single>(centred.t(x0, mean0), gains, biases, factor0, slope0));
    lanes.store(y1, formula.y<Single>(centred.t(x1, mean1), gains, biases, factor1, slope1));
  }
}

/** Writes y of a row and the next, with the given means and rstds. The rows fill a group at least. */
function writeTwoRows<F>(call: Call, row: i32, means: v128, rstds: v128): void {
  const formula = changetype<F>(0);
  const factorsOf = changetype<Factors<F>>(0);
  const scalars = changetype<Scalars>(0);
  const two = changetype<TwoRows<F>>(0);
  const factors = f64x2.mul(f64x2.splat(factorsOf.scale(call)), rstds);
  const slopes = f64x2.mul(f64x2.mul(factors, f64x2.splat(factorsOf.k(call))), rstds);
  const meansSingle = f32x4.demote_f64x2_zero(means);
  const factorsSingle = f32x4.demote_f64x2_zero(factors);
  const slopesSingle = f32x4.demote_f64x2_zero(slopes);
  const mean0 = scalars.first(meansSingle);
  const mean1 = scalars.second(meansSingle);
  const factor0 = scalars.first(factorsSingle);
  const factor1 = scalars.second(factorsSingle);
  const slope0 = scalars.first(slopesSingle);
  const slope1 = scalars.second(slopesSingle);

  const x = call.inputAt(row);
  const next = call.inputAt(row + 1);
  const y = call.yAt(row);
  const yNext = call.yAt(row + 1);
  const gain: usize = formula.usesGain() ? call.gainAt(row) : 0;
  const bias: usize = formula.usesBias() ? call.biasAt(row) : 0;
  const rest = call.size & REST;
  const groups = <usize>(call.size - rest) * sizeof<f32>();
  let i: usize = 0;
  // V8 moves what is the same in every turn out of a loop whose condition is at its end, and out of no other.
  do {
    const x0 = x + i;
    const x1 = next + i;
    const y0 = y + i;
    const y1 = yNext + i;
    const g = gain + i;
    const b = bias + i;
    two.at(x0, x1, y0, y1, g, b, mean0, mean1, factor0, factor1, slope0, slope1);
    two.at(
      x0 + STEP,
      x1 + STEP,
      y0 + STEP,
      y1 + STEP,
      g + STEP,
      b + STEP,
      mean0,
      mean1,
      factor0,
      factor1,
      slope0,
      slope1,
    );
    two.at(
      x0 + STEP * 2,
      x1 + STEP * 2,
      y0 + STEP * 2,
      y1 + STEP * 2,
      g + STEP * 2,
      b + STEP * 2,
      mean0,
      mean1,
      factor0,
      factor1,
      slope0,
      slope1,
    );
    two.at(
      x0 + STEP * 3,
      x1 + STEP * 3,
      y0 + STEP * 3,
      y1 + STEP * 3,
      g + STEP * 3,
      b + STEP * 3,
      mean0,
      mean1,
      factor0,
      factor1,
      slope0,
      slope1,
    );
    i += STEP * GROUP;
  } while (i < groups);
  if (rest) {
    writeRest<F>(call, row);
    writeRest<F>(call, row + 1);
  }
}

/**
 * Writes y of one row, and sums the elements of the row AHEAD of it and their squares, which it stores in the places of that row's
 * mean and rstd. Writing waits for other units of the processor than summing does, so both together take less time.
 */
export function mapAndSumRow<F>(call: Call, row: i32, mean: v128, factor: v128, slope: v128): void {
  const lanes = changetype<Single>(0);
  const map = changetype<Forward<F>>(0);
  const group = changetype<MappedGroup<F>>(0);
  const quad = changetype<Quad>(0);
  const formula = changetype<F>(0);
  const none = f64x2.splat(0);
  let x = call.xAt(row);
  let gain: usize = map.usesGain() ? call.gainAt(row) : 0;
  let bias: usize = map.usesBias() ? call.biasAt(row) : 0;
  let y = call.yAt(row);
  let ahead = call.xAt(row + AHEAD);
  let sums = none;
  let squares = none;
  const rest = call.size & REST;
  const groupsEnd = x + <usize>(call.size - rest) * lanes.bytes();
  const pairsEnd = x + ((<usize>(call.size - rest) * lanes.bytes()) & ~(2 * GROUP_BYTES - 1));
  while (x < pairsEnd) {
    group.write(x, y, gain, bias, mean, factor, slope);
    const v0 = lanes.load(ahead);
    const v1 = lanes.load(ahead + STEP);
    const v2 = lanes.load(ahead + STEP * 2);
    const v3 = lanes.load(ahead + STEP * 3);
    const v = formula.isCentred() ? quad.sum(v0, v1, v2, v3) : none;
    const w = quad.sumOfSquares(v0, v1, v2, v3);
    x += GROUP_BYTES;
    ahead += GROUP_BYTES;
    if (map.usesGain()) gain += GROUP_BYTES;
    if (map.usesBias()) bias += GROUP_BYTES;
    y += GROUP_BYTES;
    group.write(x, y, gain, bias, mean, factor, slope);
    const v4 = lanes.load(ahead);
    const v5 = lanes.load(ahead + STEP);
    const v6 = lanes.load(ahead + STEP * 2);
    const v7 = lanes.load(ahead + STEP * 3);
    if (formula.isCentred()) sums = f64x2.add(sums, lanes.widen(lanes.add(v, quad.sum(v4, v5, v6, v7))));
    squares = f64x2.add(squares, lanes.widen(lanes.add(w, quad.sumOfSquares(v4, v5, v6, v7))));
    x += GROUP_BYTES;
    ahead += GROUP_BYTES;
    if (map.usesGain()) gain += GROUP_BYTES;
    if (map.usesBias()) bias += GROUP_BYTES;
    y += GROUP_BYTES;
  }
  if (x < groupsEnd) {
    group.write(x, y, gain, bias, mean, factor, slope);
    const v0 = lanes.load(ahead);
    const v1 = lanes.load(ahead + STEP);
    const v2 = lanes.load(ahead + STEP * 2);
    const v3 = lanes.load(ahead + STEP * 3);
    if (formula.isCentred()) sums = f64x2.add(sums, lanes.widen(quad.sum(v0, v1, v2, v3)));
    squares = f64x2.add(squares, lanes.widen(quad.sumOfSquares(v0, v1, v2, v3)));
    ahead += GROUP_BYTES;
  }
  if (rest) writeRest<F>(call, row);
  storeSums(call, row + AHEAD, sums, squares, ahead);
}

/** A group of vectors of y. Each is written as soon as it is computed, which needs the fewest registers. */
@unmanaged
@final
class MappedGroup<F> {
  // structure: part of mapAndSumRow, written once for its two groups
  @inline write(x: usize, y: usize, gain: usize, bias: usize, mean: v128, factor: v128, slope: v128): void {
    this.one(x, y, gain, bias, mean, factor, slope);
    this.one(x + STEP, y + STEP, gain + STEP, bias + STEP, mean, factor, slope);
    this.one(x + STEP * 2, y + STEP * 2, gain + STEP * 2, bias + STEP * 2, mean, factor, slope);
    this.one(x + STEP * 3, y + STEP * 3, gain + STEP * 3, bias + STEP * 3, mean, factor, slope);
  }
  // structure: part of mapAndSumRow, written once for the vectors of its groups
  @inline one(x: usize, y: usize, gain: usize, bias: usize, mean: v128, factor: v128, slope: v128): void {
    const lanes = changetype<Single>(0);
    const formula = changetype<F>(0);
    const none = f64x2.splat(0);
    const gains = formula.usesGain() ? lanes.load(gain) : none;
    const biases = formula.usesBias() ? lanes.load(bias) : none;
    lanes.store(y, formula.y<Single>(changetype<Centred<F>>(0).t(x, mean), gains, biases, factor, slope));
  }
}
