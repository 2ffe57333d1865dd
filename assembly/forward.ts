/**
 * Forward: finds the statistics of a row, computes its scalars, and writes y in one pass. Without a residual, the pass that
 * writes an ordinary row also sums the row AHEAD of it. With a residual, the pass that adds it also sums the row.
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
 * Bytes of the rows that a residual is added to before the next pass normalises them. They must stay in a cache between the
 * two passes. They should not be fewer than that, because switching passes throws prefetched data away.
 */
const CACHED_BYTES: usize = 1 << 20;

/**
 * Writes y = F(x - mean), mean and rstd for `rows` rows of the block, starting at row `from`. With a residual, writes
 * sum = x + residual first and normalises sum.
 * Returns true if single precision served every row: then y holds no NaN, provided that gain and bias are finite. With a
 * residual always returns false.
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

/** Forward with a residual. Works on as many rows at a time as fit a cache: adds, finds the statistics, then writes y. */
function forwardOfSum<F>(call: Call, from: i32, rows: i32, factorsFit: bool): void {
  const end = from + rows;
  const cached = max(<i32>(CACHED_BYTES / (<usize>call.size * sizeof<f32>())), 1);
  for (let start = from; start < end; start += cached) {
    const stop = min(start + cached, end);
    for (let row = start; row < stop; row++) addRow(call, row);
    // A loop of its own, because the processor then overlaps the divisions and square roots of several rows.
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

/** Writes mean and rstd of rows of x, the same as forward does; a residual is ignored. */
export function statistics(call: Call, from: i32, rows: i32): void {
  for (let row = from; row < from + rows; row++) findStatistics(call, row, call.xAt(row));
}

/** Finds and stores mean and rstd of the row that begins at `x`. */
function findStatistics(call: Call, row: i32, x: usize): void {
  if (call.centred) moments(x, call.size);
  else momentsAtOrigin(x, call.size);
  call.setStatistics(row, mean, reciprocalStd(call));
}

/** Replaces the sums of x and x^2, which lie where mean and rstd go, by mean and rstd of the row that begins at `x`. */
function settle(call: Call, row: i32, x: usize): void {
  if (call.centred) momentsOfSums(x, call.size, call.mean(row), call.rstd(row));
  else momentsAtOriginOfSums(x, call.size, call.rstd(row));
  call.setStatistics(row, mean, reciprocalStd(call));
}
