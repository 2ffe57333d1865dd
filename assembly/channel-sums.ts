/**
 * Sums over the channels of rows whose gain and bias are by channel: those of a row, of which backward makes dx, and those of all
 * samples, which are the gradients of gain and bias.
 */

import { Call } from "./call";
import { firstOf, paramAt } from "./channels";
import { Split, Whole } from "./formulas/centring";
import { Double, Single, sumLanes } from "./lanes";
import { Precision } from "./precision";

/** Vectors in one turn of a loop. */
const GROUP: usize = 4;
/** Bytes of the sums of a channel: f64 of dy z, then of dy. */
const SUMS_BYTES: usize = 16;

/** The results of the last sum in this file: of dz, of dz t, and the largest |t|. */
export let dzSum: f64 = 0;
export let dzTSum: f64 = 0;
export let farthestOff: f64 = 0;

/**
 * Sums dy and dy t over each channel of a row. dz is gain dy, so these give the sums of dz and dz t over the row. If the call has
 * columns, stores rstd sum(dy t), which is sum(dy z), and sum(dy) of each channel there.
 *
 * Four vectors are added to each other first, then their sum in f64: an element goes through two additions in f32.
 */
function sumByChannel<L, C>(call: Call, row: i32, rstd: f64): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  const mean = call.mean(row);
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  let x = call.xAt(row);
  let dy = call.dyAt(row);
  let gain = firstOf(call.gain, call, row);
  let sums: usize = call.columns ? call.channelSumsAt(row) : 0;
  const spatial = <usize>call.spatial * lanes.bytes();
  const vectors = spatial - (spatial % step);
  // Double has no loop over groups: it serves rare rows, and the module stays smaller.
  const groups: usize = lanes.width() == 4 ? spatial - (spatial % (step * GROUP)) : 0;
  const rest = <i32>((spatial - vectors) / lanes.bytes());
  const end = x + <usize>call.size * lanes.bytes();
  let total: f64 = 0;
  let totalT: f64 = 0;
  let m = none;
  do {
    let v = none;
    let w = none;
    let i: usize = 0;
    for (; i < groups; i += step * GROUP) {
      const t0 = centre.of<L>(lanes.load(x + i), high, low);
      const dy0 = lanes.load(dy + i);
      const i1 = i + step;
      const t1 = centre.of<L>(lanes.load(x + i1), high, low);
      const dy1 = lanes.load(dy + i1);
      const v01 = lanes.add(dy0, dy1);
      const w01 = lanes.madd(dy1, t1, lanes.mul(dy0, t0));
      m = lanes.farther(lanes.farther(m, t0), t1);
      const i2 = i + step * 2;
      const t2 = centre.of<L>(lanes.load(x + i2), high, low);
      const dy2 = lanes.load(dy + i2);
      const i3 = i + step * 3;
      const t3 = centre.of<L>(lanes.load(x + i3), high, low);
      const dy3 = lanes.load(dy + i3);
      const v23 = lanes.add(dy2, dy3);
      const w23 = lanes.madd(dy3, t3, lanes.mul(dy2, t2));
      m = lanes.farther(lanes.farther(m, t2), t3);
      v = f64x2.add(v, lanes.widen(lanes.add(v01, v23)));
      w = f64x2.add(w, lanes.widen(lanes.add(w01, w23)));
    }
    for (; i < vectors; i += step) {
      const t = centre.of<L>(lanes.load(x + i), high, low);
      const upstream = lanes.load(dy + i);
      m = lanes.farther(m, t);
      v = f64x2.add(v, lanes.widen(upstream));
      w = f64x2.add(w, lanes.widen(lanes.mul(upstream, t)));
    }
    if (rest) {
      const t = lanes.keep(centre.of<L>(lanes.loadPart(x + i, rest), high, low), rest);
      const upstream = lanes.loadPart(dy + i, rest);
      m = lanes.farther(m, t);
      v = f64x2.add(v, lanes.widen(upstream));
      w = f64x2.add(w, lanes.widen(lanes.mul(upstream, t)));
    }
    const sum = sumLanes(v);
    const sumT = sumLanes(w);
    const factor = paramAt(gain, 1);
    total += factor * sum;
    totalT += factor * sumT;
    if (sums) {
      store<f64>(sums, rstd * sumT);
      store<f64>(sums, sum, 8);
      sums += SUMS_BYTES;
    }
    x += spatial;
    dy += spatial;
    if (gain) gain += sizeof<f32>();
  } while (x < end);
  dzSum = total;
  dzTSum = totalT;
  farthestOff = lanes.farthest(m);
}

/** Sums dz and dz t over a row, and dy z and dy over each of its channels. */
export function sumChannels(call: Call, row: i32, rstd: f64, precision: Precision): void {
  if (precision == Precision.Single) sumByChannel<Single, Whole>(call, row, rstd);
  else if (precision == Precision.Split) sumByChannel<Single, Split>(call, row, rstd);
  else sumByChannel<Double, Whole>(call, row, rstd);
}

/** The same for a row of which only the sums of the channels are wanted: in f64 if f32 cannot hold them. */
export function sumChannelsAlone(call: Call, row: i32, rstd: f64, precision: Precision): void {
  sumChannels(call, row, rstd, precision);
  if (abs(dzSum) < Infinity && abs(dzTSum) < Infinity) return;
  if (precision != Precision.Double) sumChannels(call, row, rstd, Precision.Double);
}

/** Adds the sums of the rows' channels to the totals of these channels, row after row. */
export function addChannels(call: Call, from: i32, rows: i32): void {
  const bytes = <usize>call.channelsInRow * SUMS_BYTES;
  for (let row = from; row < from + rows; row++) {
    let totals = call.totals + <usize>call.channelOf(row) * SUMS_BYTES;
    let sums = call.channelSumsAt(row);
    const end = sums + bytes;
    for (; sums < end; sums += SUMS_BYTES) {
      v128.store(totals, f64x2.add(v128.load(totals), v128.load(sums)));
      totals += SUMS_BYTES;
    }
  }
}

/** Writes the totals of dy z or, if ofBias, of dy to out. `accumulate` adds to what out holds. Rounds to f32 once. */
export function giveChannels(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  let totals = call.totals + (ofBias ? sizeof<f64>() : 0);
  const end = out + ((<usize>(call.channelsInRow * call.groups)) << 2);
  for (; out < end; out += sizeof<f32>()) {
    const before = accumulate ? <f64>load<f32>(out) : 0;
    store<f32>(out, <f32>(before + load<f64>(totals)));
    totals += SUMS_BYTES;
  }
}
