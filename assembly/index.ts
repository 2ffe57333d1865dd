/**
 * The module's exports. src/abi.ts declares the same list.
 *
 * A call is a block of memory: call.ts says what lies in it, transfer.ts what in that of copies. `from` and `rows` say which
 * rows of a block to work on, and means and rstds are indexed by the block's rows too. Reductions take contiguous batches of
 * f32, and leave one f64 a row, 8-byte aligned.
 * Nothing is checked here: whoever calls answers for the arguments.
 */

import { backward as backwardRows } from "./backward";
import { Call } from "./call";
import { giveColumns } from "./columns";
import { add, narrow, widen } from "./copies";
import { Magnitude, Value } from "./formulas/elements";
import { Ada, Bias, Gain, GainBias, Plain } from "./formulas/forward";
import { AdaGradient, GainGradient, PlainGradient } from "./formulas/gradients";
import { forward as forwardRows, statistics as rowStatistics } from "./forward";
import { Larger, Smaller } from "./lanes";
import { extremes, sumSquares, sums, variances } from "./reductions";
import { BF16, F16 } from "./storage";
import { Transfer } from "./transfer";

/** Whether this is the build with fused multiply-add, whose results differ between engines. */
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** A block of 16-byte aligned memory. Traps when there is none left. */
export function alloc(bytes: usize): usize {
  return heap.alloc(bytes);
}

/** Gives back what alloc gave. */
export function free(block: usize): void {
  heap.free(block);
}

/**
 * y = gain z + bias or, for adaNorm, y = scale (1 - k z) z, where z = (x - mean) / sigma; with a residual, first
 * sum = x + residual, and then the same of sum. Writes means and rstds too.
 * Returns whether y is known to hold no NaN, provided gain and bias are finite.
 */
export function forward(call: Call, from: i32, rows: i32): bool {
  if (call.isAda) return forwardRows<Ada>(call, from, rows);
  if (call.gain && call.bias) return forwardRows<GainBias>(call, from, rows);
  if (call.gain) return forwardRows<Gain>(call, from, rows);
  if (call.bias) return forwardRows<Bias>(call, from, rows);
  return forwardRows<Plain>(call, from, rows);
}

/** means and rstds of x alone, as forward finds them. */
export function statistics(call: Call, from: i32, rows: i32): void {
  rowStatistics(call, from, rows);
}

/** dx for dy, x, means and rstds; where there are columns, dy z and dy are added onto their sums. */
export function backward(call: Call, from: i32, rows: i32): void {
  if (call.isAda) backwardRows<AdaGradient>(call, from, rows);
  else if (call.gain) backwardRows<GainGradient>(call, from, rows);
  else backwardRows<PlainGradient>(call, from, rows);
}

/** out = the gradient of gain or, ofBias, that of bias; or out += it; rounded to f32 once. */
export function columnSums(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  giveColumns(call, ofBias, out, accumulate);
}

/** Rows of a 16-bit storage, as f32. */
export function widenRows(transfer: Transfer, rows: i32): void {
  if (transfer.type == 1) widen<F16>(transfer, rows);
  else widen<BF16>(transfer, rows);
}

/** Rows of f32, in a 16-bit storage. areNumbers: they are known to hold no NaN, which takes less time. */
export function narrowRows(transfer: Transfer, rows: i32, areNumbers: bool): void {
  if (transfer.type == 1) narrow<F16>(transfer, rows, areNumbers);
  else narrow<BF16>(transfer, rows, areNumbers);
}

/** Rows plus the addend's, all f32. The result may be either, where they lie alike. */
export function addRows(transfer: Transfer, rows: i32): void {
  add(transfer, rows);
}

export function rowSum(x: usize, out: usize, rows: i32, size: i32): void {
  sums<Value>(x, out, rows, size);
}

export function rowL1(x: usize, out: usize, rows: i32, size: i32): void {
  sums<Magnitude>(x, out, rows, size);
}

export function rowSumSquare(x: usize, out: usize, rows: i32, size: i32): void {
  sumSquares(x, out, rows, size);
}

export function rowMin(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<Smaller>(x, out, rows, size);
}

export function rowMax(x: usize, out: usize, rows: i32, size: i32): void {
  extremes<Larger>(x, out, rows, size);
}

export function rowMoments(x: usize, means: usize, variance: usize, rows: i32, size: i32, ddof: i32): void {
  variances(x, means, variance, rows, size, ddof);
}
