/**
 * The exports of the module. src/abi.ts declares the same list.
 *
 * `call` and `transfer` are addresses of blocks in linear memory; call.ts and transfer.ts describe their fields. `from` and
 * `rows` select rows of a block; the same row numbers index means and rstds. Reductions read contiguous batches of f32 and
 * write one f64 for each row, 8-byte aligned. So do rowInt8 and rowBits, but what they write of elements is bytes.
 * The module checks no argument. The caller must pass correct ones.
 */

import { backwardByChannel, backward as backwardRows } from "./backward";
import { Call } from "./call";
import { addChannels, giveChannels } from "./channel-sums";
import { add, narrow, widen } from "./copies";
import { Magnitude, Value } from "./formulas/elements";
import { Ada, Bias, Gain, GainBias, GainOfX, Plain } from "./formulas/forward";
import { AdaGradient, GainGradient, PlainGradient } from "./formulas/gradients";
import { forwardByChannel, forward as forwardRows, statistics as rowStatistics } from "./forward";
import { Larger, Smaller } from "./lanes";
import { integers, signs } from "./quantize";
import { extremes, sumSquares, sums, variances } from "./reductions";
import { BF16, F16 } from "./storage";
import { addStripe, giveBatch, giveSample } from "./totals";
import { Transfer } from "./transfer";

/** Whether this is the build with fused multiply-add. Its results differ between engines. */
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** Allocates a block, 16-byte aligned. Traps when the memory is exhausted. */
export function alloc(bytes: usize): usize {
  return heap.alloc(bytes);
}

/** Frees a block that alloc returned. */
export function free(block: usize): void {
  heap.free(block);
}

/** Sets bytes to zero. In shared memory engines take much longer to do that from outside. */
export function clear(pointer: usize, bytes: usize): void {
  memory.fill(pointer, 0, bytes);
}

/**
 * y = gain z + bias or, for adaNorm, y = scale (1 - k z) z, where z = (x - mean) / sigma. If there is a residual, writes
 * sum = x + residual first and normalises sum. Also writes means and rstds.
 * Returns true only if y holds no NaN, provided that gain and bias are finite.
 */
export function forward(call: Call, from: i32, rows: i32): bool {
  if (call.isAda) return forwardRows<Ada>(call, from, rows);
  if (call.spatial && (call.gain || call.bias)) return forwardByChannel(call, from, rows);
  if (call.gain && call.bias) return forwardRows<GainBias>(call, from, rows);
  if (call.gain) return call.centred ? forwardRows<Gain>(call, from, rows) : forwardRows<GainOfX>(call, from, rows);
  if (call.bias) return forwardRows<Bias>(call, from, rows);
  return forwardRows<Plain>(call, from, rows);
}

/** Writes means and rstds of x, the same as forward does; a residual is ignored. */
export function statistics(call: Call, from: i32, rows: i32): void {
  rowStatistics(call, from, rows);
}

/**
 * Writes dx from dy, x, means and rstds. If the call has columns, adds dy z and dy to the sums there, and at the last row of each
 * sample writes the gradients of its gain and bias.
 */
export function backward(call: Call, from: i32, rows: i32): void {
  if (call.spatial) backwardByChannel(call, from, rows);
  else if (call.isAda && call.k != 0) backwardRows<AdaGradient>(call, from, rows);
  else if (call.gain) backwardRows<GainGradient>(call, from, rows);
  else backwardRows<PlainGradient>(call, from, rows);
}

/**
 * Writes to out the gradient of the gain or, if ofBias, of the bias. `accumulate` adds to what out holds. Rounds to f32
 * once.
 */
export function columnSums(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  if (call.spatial) giveChannels(call, ofBias, out, accumulate);
  else giveBatch(call, ofBias, out, accumulate);
}

/**
 * Adds the sums that backward has left for each row's channels to the totals of these channels. The caller sets the totals to zero
 * before the first row.
 */
export function channelSums(call: Call, from: i32, rows: i32): void {
  addChannels(call, from, rows);
}

/** Writes the gradients of one sample's gain and bias, if its last row is not among those that backward has had. */
export function sampleSums(call: Call, sample: i32): void {
  giveSample(call, sample);
}

/** Adds the sums of one stripe of rows, which another call has made, to the totals of this one, for the same size. */
export function mergeStripe(call: Call, stripe: Call): void {
  addStripe(call, stripe);
}

/** Converts rows of a 16-bit storage to f32. */
export function widenRows(transfer: Transfer, from: i32, rows: i32): void {
  if (transfer.type == 1) widen<F16>(transfer, from, rows);
  else widen<BF16>(transfer, from, rows);
}

/** Converts rows of f32 to a 16-bit storage. `areNumbers` promises that they hold no NaN, which makes this faster. */
export function narrowRows(transfer: Transfer, from: i32, rows: i32, areNumbers: bool): void {
  if (transfer.type == 1) narrow<F16>(transfer, from, rows, areNumbers);
  else narrow<BF16>(transfer, from, rows, areNumbers);
}

/** Adds the rows of the addend to those of `from`, all f32. `to` may equal either, with the same stride. */
export function addRows(transfer: Transfer, from: i32, rows: i32): void {
  add(transfer, from, rows);
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

/**
 * Writes each row as `size` 8-bit integers, and its scale: the given one or, if that is 0, its own.
 */
export function rowInt8(x: usize, values: usize, scales: usize, rows: i32, size: i32, scale: f64): void {
  integers(x, values, scales, rows, size, scale);
}

/** Writes each row as bits, in whole bytes. */
export function rowBits(x: usize, out: usize, rows: i32, size: i32): void {
  signs(x, out, rows, size);
}
