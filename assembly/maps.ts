/**
 * Passes that write a row by a formula, one of them with the sums of another row on the way. Written once over lanes (single or
 * double precision), centring and formula.
 *
 * A tail, shorter than a vector, is handled as a vector too, but only the lanes of the row are read, summed and written.
 */

import { Call } from "./call";
import { Split, Whole } from "./formulas/centring";
import { Forward } from "./formulas/forward";
import { Double, Single } from "./lanes";
import { Precision } from "./precision";
import { blockOf, REST, storeSums } from "./sums";

/** Vectors in one turn of a map's loop. Their operations do not depend on each other, which hides the latency of each. */
const GROUP: usize = 4;
/** How many rows ahead of the one that it writes mapAndSumRow sums. */
export const AHEAD: i32 = 2;

/** The step of a map for one vector. */
@unmanaged
@final
class Mapped<L, C, M> {
  // structure: these ten vectors and addresses must stay in registers through the whole loop
  @inline of(
    x: usize,
    dy: usize,
    gain: usize,
    bias: usize,
    high: v128,
    low: v128,
    factor: v128,
    slope: v128,
    viaMean: v128,
    viaStd: v128,
  ): v128 {
    const lanes = changetype<L>(0);
    const map = changetype<M>(0);
    const none = f64x2.splat(0);
    const t = map.usesX() ? changetype<C>(0).of<L>(lanes.load(x), high, low) : none;
    const upstream = map.usesUpstream() ? lanes.load(dy) : none;
    const gains = map.usesGain() ? lanes.load(gain) : none;
    const biases = map.usesBias() ? lanes.load(bias) : none;
    return map.less<L>(map.of<L>(t, upstream, gains, biases, factor, slope), t, viaMean, viaStd);
  }
}

/**
 * Writes a row by the map M, from `column` to the end: y if M is of forward, dx if M is of a gradient. Only gradients use
 * viaMean and viaStd. The result may have the address of x, the residual or dy.
 */
export function mapRow<L, C, M>(call: Call, row: i32, column: i32, rstd: f64, viaMean: f64, viaStd: f64): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const map = changetype<M>(0);
  const mapped = changetype<Mapped<L, C, M>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);

  const mean = call.mean(row);
  const rowFactor = map.factor(call, rstd);
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const factor = lanes.splat(rowFactor);
  const slope = lanes.splat(map.slope(call, rstd, rowFactor));
  const throughMean = lanes.splat(viaMean);
  const throughStd = lanes.splat(viaStd);

  const offset = <usize>column * lanes.bytes();
  const size = call.size - column;
  let x = (map.usesUpstream() ? call.xAt(row) : call.inputAt(row)) + offset;
  let dy: usize = map.usesUpstream() ? call.dyAt(row) + offset : 0;
  let gain: usize = map.usesGain() ? call.gain + offset : 0;
  let bias: usize = map.usesBias() ? call.bias + offset : 0;
  let out = (map.usesUpstream() ? call.dxAt(row) : call.yAt(row)) + offset;
  const end = out + <usize>size * lanes.bytes();
  // Double has no loop over groups: it serves rare rows, and the module stays smaller.
  if (lanes.width() == 4) {
    // By their offset: one addition a turn, where each pointer would take one and a move.
    const groups = (<usize>size & ~(GROUP * 4 - 1)) * lanes.bytes();
    let i: usize = 0;
    for (; i < groups; i += step * GROUP) {
      const xi = x + i;
      const dyi = dy + i;
      const gaini = gain + i;
      const biasi = bias + i;
      const outi = out + i;
      const v0 = mapped.of(xi, dyi, gaini, biasi, high, low, factor, slope, throughMean, throughStd);
      const v1 = mapped.of(
        xi + step,
        dyi + step,
        gaini + step,
        biasi + step,
        high,
        low,
        factor,
        slope,
        throughMean,
        throughStd,
      );
      lanes.store(outi, v0);
      lanes.store(outi + step, v1);
      const v2 = mapped.of(
        xi + step * 2,
        dyi + step * 2,
        gaini + step * 2,
        biasi + step * 2,
        high,
        low,
        factor,
        slope,
        throughMean,
        throughStd,
      );
      const v3 = mapped.of(
        xi + step * 3,
        dyi + step * 3,
        gaini + step * 3,
        biasi + step * 3,
        high,
        low,
        factor,
        slope,
        throughMean,
        throughStd,
      );
      lanes.store(outi + step * 2, v2);
      lanes.store(outi + step * 3, v3);
    }
    x += i;
    dy += i;
    gain += i;
    bias += i;
    out += i;
  }
  const vectorsEnd = end - ((end - out) % step);
  while (out < vectorsEnd) {
    lanes.store(out, mapped.of(x, dy, gain, bias, high, low, factor, slope, throughMean, throughStd));
    x += step;
    dy += step;
    gain += step;
    bias += step;
    out += step;
  }
  if (out < end) {
    const n = <i32>((end - out) / lanes.bytes());
    const t = map.usesX() ? centre.of<L>(lanes.loadPart(x, n), high, low) : none;
    const upstream = map.usesUpstream() ? lanes.loadPart(dy, n) : none;
    const gains = map.usesGain() ? lanes.loadPart(gain, n) : none;
    const biases = map.usesBias() ? lanes.loadPart(bias, n) : none;
    const value = map.of<L>(t, upstream, gains, biases, factor, slope);
    lanes.storePart(out, map.less<L>(value, t, throughMean, throughStd), n);
  }
}

/** Writes a whole row by the map M, in the given precision. */
export function writeRow<M>(call: Call, row: i32, precision: Precision, rstd: f64, viaMean: f64, viaStd: f64): void {
  if (precision == Precision.Single) mapRow<Single, Whole, M>(call, row, 0, rstd, viaMean, viaStd);
  else if (precision == Precision.Split) mapRow<Single, Split, M>(call, row, 0, rstd, viaMean, viaStd);
  else mapRow<Double, Whole, M>(call, row, 0, rstd, viaMean, viaStd);
}

/**
 * Writes y of one row, with an unsplit mean. The same pass sums the elements of the row AHEAD of it and their squares, in
 * the order of sumElements, and stores these two sums where mean and rstd of that row will go. The processor works on one
 * of the two tasks while the other waits for results.
 */
export function mapAndSumRow<F>(call: Call, row: i32, mean: v128, factor: v128, slope: v128): void {
  const lanes = changetype<Single>(0);
  const map = changetype<Forward<F>>(0);
  const mapped = changetype<Mapped<Single, Whole, Forward<F>>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let x = call.xAt(row);
  let gain: usize = map.usesGain() ? call.gain : 0;
  let bias: usize = map.usesBias() ? call.bias : 0;
  let y = call.yAt(row);
  let ahead = call.xAt(row + AHEAD);
  let sums = none;
  let squares = none;
  const block = step * blockOf(call.size);
  const rest = call.size & REST;
  const end = x + <usize>(call.size - rest) * lanes.bytes();
  while (x < end) {
    let blockSum = none;
    let blockSquares = none;
    const blockEnd = min(x + block, end);
    do {
      lanes.store(y, mapped.of(x, 0, gain, bias, mean, none, factor, slope, none, none));
      lanes.store(y + step, mapped.of(x + step, 0, gain + step, bias + step, mean, none, factor, slope, none, none));
      lanes.store(
        y + step * 2,
        mapped.of(x + step * 2, 0, gain + step * 2, bias + step * 2, mean, none, factor, slope, none, none),
      );
      lanes.store(
        y + step * 3,
        mapped.of(x + step * 3, 0, gain + step * 3, bias + step * 3, mean, none, factor, slope, none, none),
      );
      const f0 = lanes.load(ahead);
      const f1 = lanes.load(ahead + step);
      const f2 = lanes.load(ahead + step * 2);
      const f3 = lanes.load(ahead + step * 3);
      const squares01 = lanes.madd(f1, f1, lanes.mul(f0, f0));
      const squares23 = lanes.madd(f3, f3, lanes.mul(f2, f2));
      blockSum = lanes.add(blockSum, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
      blockSquares = lanes.add(blockSquares, lanes.add(squares01, squares23));
      x += step * GROUP;
      ahead += step * GROUP;
      if (map.usesGain()) gain += step * GROUP;
      if (map.usesBias()) bias += step * GROUP;
      y += step * GROUP;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.widen(blockSum));
    squares = f64x2.add(squares, lanes.widen(blockSquares));
  }
  if (rest) mapRow<Single, Whole, Forward<F>>(call, row, call.size - rest, call.rstd(row), 0, 0);
  storeSums(call, row + AHEAD, sums, squares, ahead);
}
