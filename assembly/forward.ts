/**
 * Forward: the statistics of a row, the scalars that follow from them, one pass that writes it. Rows go in pairs: while those
 * of one pair are written, the sums of the next are taken; where a residual is added, the statistics are taken with that.
 */
import { addRow } from "./additions";
import { Call } from "./call";
import { Factors, Forward } from "./formulas/forward";
import { AHEAD, mapAndSumRow, writeRow } from "./maps";
import { factorsFitSingle, needsSplit, precisionOf, rowFitsSingle } from "./precision";
import {
  mean,
  moments,
  momentsAtOrigin,
  momentsAtOriginOfSums,
  momentsOfSums,
  reciprocalStd,
  SHORT,
} from "./statistics";

/**
 * Bytes of the rows that a residual is added to at a time: few enough to find their sums in a cache, and as many as that
 * allows, because switching passes throws prefetched data away.
 */
const CACHED_BYTES: usize = 1 << 20;

/**
 * y = F(x - mean) for rows from..from + rows of the block, and their mean and rstd; with a residual, first sum = x + residual,
 * and then the same of sum.
 * Returns whether y is known to hold no NaN, provided gain and bias are finite: single precision served every row. With a
 * residual it is not known.
 */
export function forward<F>(call: Call, from: i32, rows: i32): bool {
  const factors = changetype<Factors<F>>(0);
  const factorsFit = factorsFitSingle(factors.scale(call), factors.k(call));
  if (call.residual) {
    forwardOfSum<F>(call, from, rows, factorsFit);
    return false;
  }
  const end = from + rows;
  statistics(call, from, min(rows, AHEAD));
  let allFit = factorsFit;
  for (let row = from; row < end; ) {
    const rstd = call.rstd(row);
    const fits = factorsFit && rowFitsSingle(rstd);
    const split = needsSplit(call.mean(row), rstd);
    if (end - row >= 2 * AHEAD && call.size >= SHORT && fits && !split) {
      const nextRstd = call.rstd(row + 1);
      if (rowFitsSingle(nextRstd) && !needsSplit(call.mean(row + 1), nextRstd)) {
        writeTwoRows<F>(call, row);
        row += AHEAD;
        settle(call, row, call.xAt(row));
        settle(call, row + 1, call.xAt(row + 1));
        continue;
      }
    }
    allFit = allFit && fits;
    writeRow<Forward<F>>(call, row, precisionOf(fits, split), rstd, 0, 0);
    if (end - row > AHEAD) statistics(call, row + AHEAD, 1);
    row++;
  }
  return allFit;
}

/** Writes a row and the next, which f32 can take with their means whole, and takes the sums of the two rows AHEAD of them. */
function writeTwoRows<F>(call: Call, row: i32): void {
  const factors = changetype<Factors<F>>(0);
  const next = row + 1;
  const scale = factors.scale(call);
  const k = factors.k(call);
  const rstd0 = call.rstd(row);
  const rstd1 = call.rstd(next);
  const factor0 = scale * rstd0;
  const factor1 = scale * rstd1;
  const mean0 = f32x4.splat(<f32>call.mean(row));
  const mean1 = f32x4.splat(<f32>call.mean(next));
  const slope0 = f32x4.splat(<f32>(factor0 * k * rstd0));
  const slope1 = f32x4.splat(<f32>(factor1 * k * rstd1));
  mapAndSumRow<F>(call, row, mean0, f32x4.splat(<f32>factor0), slope0);
  mapAndSumRow<F>(call, next, mean1, f32x4.splat(<f32>factor1), slope1);
}

/** The same of sums with a residual: as many rows as a cache holds are added up and their statistics taken, then written. */
function forwardOfSum<F>(call: Call, from: i32, rows: i32, factorsFit: bool): void {
  const end = from + rows;
  const cached = max(<i32>(CACHED_BYTES / (<usize>call.size * sizeof<f32>())), 1);
  for (let start = from; start < end; start += cached) {
    const stop = min(start + cached, end);
    for (let row = start; row < stop; row++) addRow(call, row);
    // By themselves: what one row waits for, its divisions and its root, leaves time for the next.
    for (let row = start; row < stop; row++) {
      if (call.size >= SHORT) settle(call, row, call.sumAt(row));
      else findStatistics(call, row, call.sumAt(row));
    }
    for (let row = start; row < stop; row++) {
      const rstd = call.rstd(row);
      const precision = precisionOf(factorsFit && rowFitsSingle(rstd), needsSplit(call.mean(row), rstd));
      writeRow<Forward<F>>(call, row, precision, rstd, 0, 0);
    }
  }
}

/** Mean and rstd of rows of x alone, as forward finds them. */
export function statistics(call: Call, from: i32, rows: i32): void {
  for (let row = from; row < from + rows; row++) findStatistics(call, row, call.xAt(row));
}

/** Finds mean and rstd of a row that begins at `x`. */
function findStatistics(call: Call, row: i32, x: usize): void {
  if (call.centred) moments(x, call.size);
  else momentsAtOrigin(x, call.size);
  call.setStatistics(row, mean, reciprocalStd(call));
}

/** Makes mean and rstd of a row that begins at `x` of its sums of x and x^2, which lie in their places. */
function settle(call: Call, row: i32, x: usize): void {
  if (call.centred) momentsOfSums(x, call.size, call.mean(row), call.rstd(row));
  else momentsAtOriginOfSums(x, call.size, call.rstd(row));
  call.setStatistics(row, mean, reciprocalStd(call));
}
