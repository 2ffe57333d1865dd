/**
 * Passes over a row whose gain and bias are by channel: the same for `spatial` elements on end. So they are scalars of the loop over
 * these elements.
 */

import { Call } from "./call";
import { Origin, Split, Whole } from "./formulas/centring";
import { Double, Single } from "./lanes";
import { Precision } from "./precision";

/** Vectors in one turn of a loop. */
const GROUP: usize = 4;
/** The parameter of a channel; `otherwise` if the norm has none. */
export function paramAt(address: usize, otherwise: f64): f64 {
  return address ? <f64>load<f32>(address) : otherwise;
}

/** The address of the parameter of a row's first channel, 0 if there is none. */
export function firstOf(param: usize, call: Call, row: i32): usize {
  return param ? param + ((<usize>call.channelOf(row)) << 2) : 0;
}

/** The step of a map for one vector, as in maps.ts. No formula with gains has a slope. */
@unmanaged
@final
class Mapped<L, C, M> {
  // structure: these vectors and addresses must stay in registers through the whole loop
  @inline of(
    x: usize,
    dy: usize,
    gains: v128,
    biases: v128,
    high: v128,
    low: v128,
    factor: v128,
    viaMean: v128,
    viaStd: v128,
  ): v128 {
    const lanes = changetype<L>(0);
    const map = changetype<M>(0);
    const t = changetype<C>(0).of<L>(lanes.load(x), high, low);
    const upstream = map.usesUpstream() ? lanes.load(dy) : f64x2.splat(0);
    return map.less<L>(map.of<L>(t, upstream, gains, biases, factor, f64x2.splat(0)), t, viaMean, viaStd);
  }
}

/** Writes a row by the map M: as mapRow in maps.ts. */
function mapChannels<L, C, M>(call: Call, row: i32, rstd: f64, viaMean: f64, viaStd: f64): void {
  const lanes = changetype<L>(0);
  const map = changetype<M>(0);
  const mapped = changetype<Mapped<L, C, M>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  const mean = call.mean(row);
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const factor = lanes.splat(map.factor(call, rstd));
  const throughMean = lanes.splat(viaMean);
  const throughStd = lanes.splat(viaStd);

  let x = map.usesUpstream() ? call.xAt(row) : call.inputAt(row);
  let dy: usize = map.usesUpstream() ? call.dyAt(row) : 0;
  let out = map.usesUpstream() ? call.dxAt(row) : call.yAt(row);
  let gain = firstOf(call.gain, call, row);
  let bias: usize = map.usesBias() ? firstOf(call.bias, call, row) : 0;
  const spatial = <usize>call.spatial * lanes.bytes();
  const vectors = spatial - (spatial % step);
  // Double has no loop over groups: it serves rare rows, and the module stays smaller.
  const groups: usize = lanes.width() == 4 ? spatial - (spatial % (step * GROUP)) : 0;
  const rest = <i32>((spatial - vectors) / lanes.bytes());
  const end = out + <usize>call.size * lanes.bytes();
  do {
    const gains = lanes.splat(paramAt(gain, 1));
    const biases = map.usesBias() ? lanes.splat(paramAt(bias, 0)) : none;
    let i: usize = 0;
    for (; i < groups; i += step * GROUP) {
      const v0 = mapped.of(x + i, dy + i, gains, biases, high, low, factor, throughMean, throughStd);
      const i1 = i + step;
      const v1 = mapped.of(x + i1, dy + i1, gains, biases, high, low, factor, throughMean, throughStd);
      lanes.store(out + i, v0);
      lanes.store(out + i1, v1);
      const i2 = i + step * 2;
      const v2 = mapped.of(x + i2, dy + i2, gains, biases, high, low, factor, throughMean, throughStd);
      const i3 = i + step * 3;
      const v3 = mapped.of(x + i3, dy + i3, gains, biases, high, low, factor, throughMean, throughStd);
      lanes.store(out + i2, v2);
      lanes.store(out + i3, v3);
    }
    for (; i < vectors; i += step) {
      lanes.store(out + i, mapped.of(x + i, dy + i, gains, biases, high, low, factor, throughMean, throughStd));
    }
    if (rest) {
      const t = changetype<C>(0).of<L>(lanes.loadPart(x + i, rest), high, low);
      const upstream = map.usesUpstream() ? lanes.loadPart(dy + i, rest) : none;
      const value = map.of<L>(t, upstream, gains, biases, factor, none);
      lanes.storePart(out + i, map.less<L>(value, t, throughMean, throughStd), rest);
    }
    x += spatial;
    if (map.usesUpstream()) dy += spatial;
    out += spatial;
    if (gain) gain += sizeof<f32>();
    if (bias) bias += sizeof<f32>();
  } while (out < end);
}

/** Writes a whole row by the map M, in the given precision: as writeRow in maps.ts. */
export function writeChannels<M>(
  call: Call,
  row: i32,
  precision: Precision,
  rstd: f64,
  viaMean: f64,
  viaStd: f64,
): void {
  if (precision == Precision.Single) {
    if (changetype<M>(0).usesUpstream()) mapChannels<Single, Origin, M>(call, row, rstd, viaMean, viaStd);
    else mapChannels<Single, Whole, M>(call, row, rstd, viaMean, viaStd);
  } else if (precision == Precision.Split) {
    mapChannels<Single, Split, M>(call, row, rstd, viaMean, viaStd);
  } else {
    mapChannels<Double, Whole, M>(call, row, rstd, viaMean, viaStd);
  }
}
