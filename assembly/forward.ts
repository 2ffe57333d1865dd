/**
 * Forward: finds the statistics of a row, computes its scalars, and writes y in one pass. Long rows go in pairs: the pass that writes
 * a row also sums a row of the next pair. Short rows, and rows with a residual, go in blocks: first the sums of all rows, then their
 * statistics, two rows at a time, then y.
 */
import { Stored, Summed, sumRows } from "./batches";
import { Call } from "./call";
import { writeChannels } from "./channels";
import { Origin, Whole } from "./formulas/centring";
import { Factors, Forward, GainBias } from "./formulas/forward";
import { AHEAD, mapAndSumRow, writeRows } from "./pairs";
import { areOrdinary, factorsFitSingle, needsSplit, precisionOf, rowFitsSingle } from "./precision";
import {
  mean,
  moments,
  momentsAtOrigin,
  momentsAtOriginOfSums,
  momentsOfSums,
  reciprocalStd,
  SHORT,
  settlePairs,
  squares,
} from "./statistics";
import { LONG } from "./sums";

/**
 * Bytes of the rows in a block. They must still be in a cache when y is written. There are as many as that allows, because
 * switching passes throws prefetched data away.
 */
const CACHED_BYTES: usize = 1 << 20;
/** The same for rows by channel, whose loops read nothing but x, so that the next cache is near enough: but two rows at least. */
const CHANNELS_BYTES: usize = 1 << 15;

/**
 * Writes y = F(x - mean), mean and rstd for `rows` rows of the block, starting at row `from`. With a residual, writes
 * sum = x + residual first and normalises sum.
 * Returns true if single precision served every row: then y holds no NaN, provided that gain and bias are finite. With a
 * residual always returns false.
 */
export function forward<F>(call: Call, from: i32, rows: i32): bool {
  const factors = changetype<Factors<F>>(0);
  const factorsFit = factorsFitSingle(factors.scale(call), factors.k(call));
  const end = from + rows;
  if (call.residual) {
    forwardInBlocks<F>(call, from, end, factorsFit);
    return false;
  }
  if (call.size < LONG) return forwardInBlocks<F>(call, from, end, factorsFit);
  return forwardAhead<F>(call, from, end, factorsFit);
}

/** Sums the rows that are normalised. */
function sumInputs<F>(call: Call, from: i32, end: i32): void {
  if (call.residual) sumRows<Summed, Whole>(call, from, end);
  else if (changetype<F>(0).isCentred()) sumRows<Stored, Whole>(call, from, end);
  else sumRows<Stored, Origin>(call, from, end);
}

/** Goes two rows at a time: writes two rows, and sums the next two on the way. */
function forwardAhead<F>(call: Call, from: i32, end: i32, factorsFit: bool): bool {
  let allFit = factorsFit;
  let row = from;
  // The first turn writes nothing, and sums the first two rows.
  let next = from;
  while (row < end) {
    const afterNext = min(next + AHEAD, end);
    const ordinary =
      factorsFit &&
      afterNext - row == 2 * AHEAD &&
      areOrdinary(v128.load(call.meanAt(row)), v128.load(call.rstdAt(row)));
    if (ordinary) {
      writeAndSumRow<F>(call, row);
      writeAndSumRow<F>(call, row + 1);
    } else {
      allFit = writeRows<F>(call, row, next, factorsFit) && allFit;
      sumInputs<F>(call, next, afterNext);
    }
    settleRows(call, next, afterNext);
    row = next;
    next = afterNext;
  }
  return allFit;
}

/** Writes a row for which single precision and an unsplit mean are enough, and sums the row AHEAD of it. */
function writeAndSumRow<F>(call: Call, row: i32): void {
  const factors = changetype<Factors<F>>(0);
  const rstd = call.rstd(row);
  const factor = factors.scale(call) * rstd;
  const slope = factor * factors.k(call) * rstd;
  mapAndSumRow<F>(call, row, f32x4.splat(<f32>call.mean(row)), f32x4.splat(<f32>factor), f32x4.splat(<f32>slope));
}

/** Goes block by block: sums all its rows, finds their statistics, then writes y. */
function forwardInBlocks<F>(call: Call, from: i32, end: i32, factorsFit: bool): bool {
  const cached = max(<i32>(CACHED_BYTES / (<usize>call.size * sizeof<f32>())), 1);
  let allFit = true;
  for (let start = from; start < end; ) {
    const stop = min(start + cached, end);
    findBlock<F>(call, start, stop);
    allFit = writeRows<F>(call, start, stop, factorsFit) && allFit;
    start = stop;
  }
  return allFit;
}

/** Finds mean and rstd of the rows of a block. */
function findBlock<F>(call: Call, from: i32, end: i32): void {
  if (call.size >= SHORT) {
    sumInputs<F>(call, from, end);
    settleRows(call, from, end);
  } else {
    if (call.residual) sumRows<Summed, Whole>(call, from, end);
    for (let row = from; row < end; row++) findStatistics(call, row, call.inputAt(row));
  }
}

/** Forward of rows whose gain and bias are by channel. Returns the same. */
export function forwardByChannel(call: Call, from: i32, rows: i32): bool {
  const end = from + rows;
  const cached = max(<i32>(CHANNELS_BYTES / (<usize>call.size * sizeof<f32>())), 2);
  let allFit = !call.residual;
  for (let start = from; start < end; ) {
    const stop = min(start + cached, end);
    findBlock<GainBias>(call, start, stop);
    for (let row = start; row < stop; row++) {
      const rstd = call.rstd(row);
      const fits = rowFitsSingle(rstd);
      allFit = allFit && fits;
      const precision = precisionOf(fits, needsSplit(call.mean(row), rstd));
      writeChannels<Forward<GainBias>>(call, row, precision, rstd, 0, 0);
    }
    start = stop;
  }
  return allFit;
}

/** Writes mean and rstd of rows of x, the same as forward does; a residual is ignored. */
export function statistics(call: Call, from: i32, rows: i32): void {
  for (let row = from; row < from + rows; row++) findStatistics(call, row, call.xAt(row));
}

/** Finds and stores mean and rstd of the row that begins at `x`. */
function findStatistics(call: Call, row: i32, x: usize): void {
  if (call.centred) moments(x, call.size);
  else momentsAtOrigin(x, call.size);
  storeStatistics(call, row);
}

/** Replaces the sums of x and x^2 of rows, in the places of mean and rstd, by mean and rstd. */
function settleRows(call: Call, from: i32, end: i32): void {
  let row = settlePairs(call, from, end);
  while (row < end) {
    settle(call, row++);
    if (row < end) settle(call, row++);
    row = settlePairs(call, row, end);
  }
}

/** The same for one row. */
function settle(call: Call, row: i32): void {
  const x = call.inputAt(row);
  if (call.centred) momentsOfSums(x, call.size, call.mean(row), call.rstd(row));
  else momentsAtOriginOfSums(x, call.size, call.rstd(row));
  storeStatistics(call, row);
}

/** Stores mean and rstd of a row from what statistics.ts found last. */
function storeStatistics(call: Call, row: i32): void {
  const variance = squares / <f64>(call.size - call.ddof);
  store<f64>(call.meanAt(row), mean);
  store<f64>(call.rstdAt(row), reciprocalStd(call, variance));
}
