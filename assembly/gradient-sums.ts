/**
 * Sums along a row for backward: of dz, and of dz t, where t = x - mean. Rows near the origin take them from x itself, in f32. All
 * others use the loop of sums.ts.
 */

import { Call } from "./call";
import { Split, Whole } from "./formulas/centring";
import { Dz } from "./formulas/gradients";
import { Double, Single, sumLanes } from "./lanes";
import { Precision } from "./precision";
import { farthestOff as farthestFound, sum0, sum1, sumTerms } from "./sums";

/** The results of the last sum in this file: of dz, of dz t, and the largest |t| or, for a Single row, an upper bound of it. */
export let dzSum: f64 = 0;
export let dzTSum: f64 = 0;
export let farthestOff: f64 = 0;

/** Sums dz and dz t over one row. */
export function sumGradient<G>(call: Call, row: i32, rstd: f64, precision: Precision): void {
  if (precision == Precision.Single) {
    sumAboutOrigin<G>(call, row, rstd);
    return;
  }
  if (precision == Precision.Split) sumTerms<Single, Split, Dz<G>>(call, row, rstd);
  else sumTerms<Double, Whole, Dz<G>>(call, row, rstd);
  dzSum = sum0;
  dzTSum = sum1;
  farthestOff = farthestFound;
}

/** One vector of dy or, if the norm has a gain, of gain dy. */
@unmanaged
@final
class Upstream<G> {
  @inline at(dy: usize, gain: usize): v128 {
    const lanes = changetype<Single>(0);
    const upstream = lanes.load(dy);
    return changetype<G>(0).usesGain() ? lanes.mul(upstream, lanes.load(gain)) : upstream;
  }
}

/** The bytes of one vector, of two, which are added to each other first, and of a block, whose sum goes to f64. */
const STEP: usize = 16;
const PAIR_BYTES: usize = STEP * 2;
const BLOCK_BYTES: usize = PAIR_BYTES * 4;

/**
 * Sums e, e x and, if dz has a slope, e x^2, where e is dy, or gain dy: dz = (factor - slope x) e, so these give the sums of dz and of
 * dz x, and those give that of dz t. The factors are left to the end, which saves multiplications for each element.
 */
function sumAboutOrigin<G>(call: Call, row: i32, rstd: f64): void {
  const lanes = changetype<Single>(0);
  const gradient = changetype<G>(0);
  const upstream = changetype<Upstream<G>>(0);
  const none = f64x2.splat(0);
  let x = call.xAt(row);
  let dy = call.dyAt(row);
  let gain: usize = gradient.usesGain() ? call.gain : 0;
  const end = x + <usize>call.size * lanes.bytes();
  const pairsEnd = end - ((end - x) % PAIR_BYTES);
  let sums = none;
  let products = none;
  let squares = none;
  let m = none;
  while (x < pairsEnd) {
    const blockEnd = min(x + BLOCK_BYTES, pairsEnd);
    let v = none;
    let w = none;
    let u = none;
    do {
      const e0 = upstream.at(dy, gain);
      const e1 = upstream.at(dy + STEP, gain + STEP);
      const x0 = lanes.load(x);
      const x1 = lanes.load(x + STEP);
      const p0 = lanes.mul(e0, x0);
      const p1 = lanes.mul(e1, x1);
      v = lanes.add(v, lanes.add(e0, e1));
      w = lanes.add(w, lanes.add(p0, p1));
      if (gradient.isAda()) u = lanes.add(u, lanes.madd(p1, x1, lanes.mul(p0, x0)));
      // One maximum of m a turn: each waits for the one before.
      m = lanes.fartherOf(m, lanes.farther(lanes.magnitude(x0), x1));
      x += PAIR_BYTES;
      dy += PAIR_BYTES;
      if (gradient.usesGain()) gain += PAIR_BYTES;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.widen(v));
    products = f64x2.add(products, lanes.widen(w));
    if (gradient.isAda()) squares = f64x2.add(squares, lanes.widen(u));
  }

  // The rest of the row: a vector at most, and a part of one.
  let v = none;
  let w = none;
  let u = none;
  while (x < end) {
    const left = end - x;
    const n = <i32>(left >> 2);
    let e = none;
    let x0 = none;
    if (left >= STEP) {
      e = upstream.at(dy, gain);
      x0 = lanes.load(x);
    } else {
      e = lanes.loadPart(dy, n);
      if (gradient.usesGain()) e = lanes.mul(e, lanes.loadPart(gain, n));
      x0 = lanes.keep(lanes.loadPart(x, n), n);
    }
    const p = lanes.mul(e, x0);
    v = lanes.add(v, e);
    w = lanes.add(w, p);
    if (gradient.isAda()) u = lanes.madd(p, x0, u);
    m = lanes.farther(m, x0);
    x += STEP;
    dy += STEP;
    if (gradient.usesGain()) gain += STEP;
  }
  const eSum = sumLanes(f64x2.add(sums, lanes.widen(v)));
  const eXSum = sumLanes(f64x2.add(products, lanes.widen(w)));
  const mean = call.mean(row);
  let dzXSum = eXSum;
  dzSum = eSum;
  if (gradient.isAda()) {
    const dz = changetype<Dz<G>>(0);
    const slope = dz.slope(call, rstd);
    const factor = dz.factor(call) + slope * mean;
    dzSum = factor * eSum - slope * eXSum;
    dzXSum = factor * eXSum - slope * sumLanes(f64x2.add(squares, lanes.widen(u)));
  }
  dzTSum = dzXSum - mean * dzSum;
  farthestOff = lanes.farthest(m) + abs(mean);
}
