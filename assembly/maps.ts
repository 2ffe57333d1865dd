/**
 * Passes that write one row: by a formula, or the sum of two rows. Written once over lanes (single or double precision),
 * centring and formula.
 *
 * A tail, shorter than a vector, is handled as a vector too, but only the lanes of the row are read, summed and written.
 */

import { Call } from "./call";
import { Split, Whole } from "./formulas/centring";
import { Double, Single } from "./lanes";
import { Precision } from "./precision";

/** Vectors in one turn of a map's loop. Their operations do not depend on each other, which hides the latency of each. */
const GROUP: usize = 4;
/** Elements of a row that fill no group: this many at most. */
export const REST: i32 = 15;

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
 * Writes the columns of a row from `column` on by the map M, where t = x - mean: y by a formula of forward, dx by one of a
 * gradient, to which viaMean and viaStd belong. What is written may lie where x, the residual or dy does.
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
  const rowSlope = map.slope(call, rstd, rowFactor);
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const factor = lanes.splat(rowFactor);
  const slope = lanes.splat(rowSlope);
  const throughMean = lanes.splat(viaMean);
  const throughStd = lanes.splat(viaStd);

  const offset = <usize>column * lanes.bytes();
  const size = call.size - column;
  let x = (map.usesUpstream() ? call.xAt(row) : call.inputAt(row)) + offset;
  let dy: usize = map.usesUpstream() ? call.dyAt(row) + offset : 0;
  let gain: usize = map.usesGain() ? call.gainAt(row) + offset : 0;
  let bias: usize = map.usesBias() ? call.biasAt(row) + offset : 0;
  let out = (map.usesUpstream() ? call.dxAt(row) : call.yAt(row)) + offset;
  const end = out + <usize>size * lanes.bytes();
  // Double has no loop over groups: it serves rare rows, and the module stays smaller.
  if (lanes.width() == 4) {
    // A common offset takes one addition a turn. Separate pointers would take an addition and a move each.
    const groups = <usize>(size & ~REST) * lanes.bytes();
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
  else writeHardRow<M>(call, row, precision, rstd, viaMean, viaStd);
}

/** The same for a row that is not Single. */
export function writeHardRow<M>(
  call: Call,
  row: i32,
  precision: Precision,
  rstd: f64,
  viaMean: f64,
  viaStd: f64,
): void {
  if (precision == Precision.Split) mapRow<Single, Split, M>(call, row, 0, rstd, viaMean, viaStd);
  else mapRow<Double, Whole, M>(call, row, 0, rstd, viaMean, viaStd);
}

/** The step of out = x + addend for one vector. */
@unmanaged
@final
export class Added {
  @inline of(x: usize, addend: usize, out: usize): v128 {
    const sum = f32x4.add(v128.load(x), v128.load(addend));
    v128.store(out, sum);
    return sum;
  }
}

/** Writes out = x + addend, `size` elements each. out may be the same address as x or addend. */
export function addElements(x: usize, addend: usize, out: usize, size: i32): void {
  const lanes = changetype<Single>(0);
  const added = changetype<Added>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = out + <usize>size * lanes.bytes();
  const groupsEnd = end - ((end - out) % (step * GROUP));
  while (out < groupsEnd) {
    added.of(x, addend, out);
    added.of(x + step, addend + step, out + step);
    added.of(x + step * 2, addend + step * 2, out + step * 2);
    added.of(x + step * 3, addend + step * 3, out + step * 3);
    x += step * GROUP;
    addend += step * GROUP;
    out += step * GROUP;
  }
  const vectorsEnd = end - ((end - out) % step);
  while (out < vectorsEnd) {
    added.of(x, addend, out);
    x += step;
    addend += step;
    out += step;
  }
  if (out < end) {
    const n = <i32>((end - out) / lanes.bytes());
    lanes.storePart(out, lanes.add(lanes.loadPart(x, n), lanes.loadPart(addend, n)), n);
  }
}
