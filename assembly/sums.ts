/**
 * Sums along a row, and the extremes of a row. Each loop is written once over lanes (single or double precision), centring and
 * term.
 *
 * The tail of a row is a vector too, of which only the row's own lanes are read and summed.
 */

import { Call } from "./call";
import { Single, sumLanes } from "./lanes";

/** The results of the last sum in this file: of the terms, of each term times t and, for a gradient, the largest |t|. */
export let sum0: f64 = 0;
export let sum1: f64 = 0;
export let farthestOff: f64 = 0;

/** Vectors that are added to each other first: of a gradient, and of anything else. */
const PAIR: usize = 2;
const QUAD: usize = 4;
/**
 * Vectors in a block, which is summed in f32 before its sum is added in f64. A square goes through three additions in f32 at
 * most.
 */
const LONG_BLOCK: usize = 8;
/**
 * Vectors in a block of rows shorter than LONG: two additions at most. Their means may be further from 0, which magnifies rounding
 * errors. In second passes for statistics it is one addition, because x - mean has been rounded too.
 */
const SHORT_BLOCK: usize = 4;
export const LONG: i32 = 256;
/** Vectors in a block that is summed in f64, with the rounding errors of the sum of blocks added at the end. */
const EXACT_BLOCK: usize = 64;

/** Vectors in a block of a row of this size, in f32. */
export function blockOf(size: i32): usize {
  return size < LONG ? SHORT_BLOCK : LONG_BLOCK;
}

/** One vector of a sum: t = x - mean, and the term of t and of the elements in the same columns. */
@unmanaged
@final
class At<L, C, T> {
  @inline t(x: usize, high: v128, low: v128): v128 {
    return changetype<C>(0).of<L>(changetype<L>(0).load(x), high, low);
  }
  @inline term(t: v128, dy: usize, gain: usize, factor: v128, slope: v128): v128 {
    const lanes = changetype<L>(0);
    const term = changetype<T>(0);
    const none = f64x2.splat(0);
    const upstream = term.usesUpstream() ? lanes.load(dy) : none;
    return term.of<L>(t, upstream, term.usesGain() ? lanes.load(gain) : none, factor, slope);
  }
  /** The exact rounding error of sum = a + b, as two f64. */
  @inline roundedOff(a: v128, b: v128, sum: v128): v128 {
    const bRounded = f64x2.sub(sum, a);
    return f64x2.add(f64x2.sub(a, f64x2.sub(sum, bRounded)), f64x2.sub(b, bRounded));
  }
}

/**
 * Sets sum0 to the sum of the terms and sum1 to the sum of each term times t over one row of x, where t = x - mean.
 * A gradient takes its scalars, dy and gain from the call, the row and rstd. Other terms need none of these.
 *
 * Blocks are summed in the precision of the lanes, and the sums of blocks are added in f64, so the error does not grow with the
 * length of the row.
 */
function sumRow<L, C, T>(x: usize, size: i32, mean: f64, call: Call, row: i32, rstd: f64): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const term = changetype<T>(0);
  const at = changetype<At<L, C, T>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const rowSlope = term.usesUpstream() ? term.slope(call, rstd) : 0;
  const rowFactor = term.usesUpstream() ? term.factor(call) : 0;
  const factor = term.usesUpstream() ? lanes.splat(rowFactor) : none;
  const slope = term.usesUpstream() ? lanes.splat(rowSlope) : none;
  let dy: usize = term.usesUpstream() ? call.dyAt(row) : 0;
  let gain: usize = term.usesGain() ? call.gainAt(row) : 0;

  let sums = none;
  let products = none;
  // The rounding errors of the additions above, in f64.
  let sumsLost = none;
  let productsLost = none;
  let m = none;

  const end = x + <usize>size * lanes.bytes();
  const unitsEnd = end - ((end - x) % (step * (term.usesUpstream() ? PAIR : QUAD)));
  const isSecond = centre.isCentred() && !term.usesUpstream();
  const block = step * (lanes.isExact() ? EXACT_BLOCK : isSecond ? SHORT_BLOCK : blockOf(size));
  while (x < unitsEnd) {
    let v = none;
    let w = none;
    const blockEnd = min(x + block, unitsEnd);
    if (term.usesUpstream()) {
      do {
        const t0 = at.t(x, high, low);
        const t1 = at.t(x + step, high, low);
        const term0 = at.term(t0, dy, gain, factor, slope);
        const term1 = at.term(t1, dy + step, gain + step, factor, slope);
        v = lanes.add(v, lanes.add(term0, term1));
        w = lanes.add(w, lanes.madd(term1, t1, lanes.mul(term0, t0)));
        m = lanes.farther(lanes.farther(m, t0), t1);
        x += step * PAIR;
        dy += step * PAIR;
        if (term.usesGain()) gain += step * PAIR;
      } while (x < blockEnd);
    } else {
      do {
        const t0 = at.t(x, high, low);
        const t1 = at.t(x + step, high, low);
        const t2 = at.t(x + step * 2, high, low);
        const t3 = at.t(x + step * 3, high, low);
        const term0 = at.term(t0, 0, 0, none, none);
        const term1 = at.term(t1, 0, 0, none, none);
        const term2 = at.term(t2, 0, 0, none, none);
        const term3 = at.term(t3, 0, 0, none, none);
        const w01 = lanes.madd(term1, t1, lanes.mul(term0, t0));
        const w23 = lanes.madd(term3, t3, lanes.mul(term2, t2));
        v = lanes.add(v, lanes.add(lanes.add(term0, term1), lanes.add(term2, term3)));
        if (isSecond && !lanes.isExact()) {
          products = f64x2.add(products, lanes.widen(w01));
          w = w23;
        } else {
          w = lanes.add(w, lanes.add(w01, w23));
        }
        x += step * QUAD;
      } while (x < blockEnd);
    }
    v = lanes.widen(v);
    w = lanes.widen(w);
    const sumsBefore = sums;
    const productsBefore = products;
    sums = f64x2.add(sums, v);
    products = f64x2.add(products, w);
    if (lanes.isExact()) {
      sumsLost = f64x2.add(sumsLost, at.roundedOff(sumsBefore, v, sums));
      productsLost = f64x2.add(productsLost, at.roundedOff(productsBefore, w, products));
    }
  }

  // The rest of the row: a pair, a vector, and a part of a vector.
  let rest = none;
  let restProducts = none;
  if (!term.usesUpstream() && end - x >= step * PAIR) {
    const t0 = at.t(x, high, low);
    const t1 = at.t(x + step, high, low);
    const term0 = at.term(t0, 0, 0, none, none);
    const term1 = at.term(t1, 0, 0, none, none);
    rest = lanes.widen(lanes.add(term0, term1));
    restProducts = lanes.widen(lanes.madd(term1, t1, lanes.mul(term0, t0)));
    x += step * PAIR;
  }
  if (x < end) {
    let v = none;
    let w = none;
    const vectorsEnd = end - ((end - x) % step);
    if (x < vectorsEnd) {
      const t = at.t(x, high, low);
      v = at.term(t, dy, gain, factor, slope);
      w = lanes.mul(v, t);
      if (term.usesUpstream()) m = lanes.farther(m, t);
      x += step;
      if (term.usesUpstream()) dy += step;
      if (term.usesGain()) gain += step;
    }
    if (x < end) {
      const n = <i32>((end - x) / lanes.bytes());
      const t = lanes.keep(centre.of<L>(lanes.loadPart(x, n), high, low), n);
      const upstream = term.usesUpstream() ? lanes.loadPart(dy, n) : none;
      const gains = term.usesGain() ? lanes.loadPart(gain, n) : none;
      const last = lanes.keep(term.of<L>(t, upstream, gains, factor, slope), n);
      v = lanes.add(v, last);
      w = lanes.madd(last, t, w);
      if (term.usesUpstream()) m = lanes.farther(m, t);
    }
    rest = f64x2.add(rest, lanes.widen(v));
    restProducts = f64x2.add(restProducts, lanes.widen(w));
  }

  sum0 = sumLanes(sums) + sumLanes(rest);
  sum1 = sumLanes(products) + sumLanes(restProducts);
  if (lanes.isExact()) {
    // The rounding error of an infinite sum is NaN.
    if (abs(sum0) < Infinity) sum0 += sumLanes(sumsLost);
    if (abs(sum1) < Infinity) sum1 += sumLanes(productsLost);
  }
  if (term.usesUpstream()) farthestOff = lanes.farthest(m);
}

/** Sums over one row of x, with terms that use t = x - mean only. */
export function sumElements<L, C, T>(x: usize, size: i32, mean: f64): void {
  sumRow<L, C, T>(x, size, mean, changetype<Call>(0), 0, 0);
}

/** Sums the terms of a gradient over one row, each also times t, and finds the largest |t|. */
export function sumTerms<L, C, T>(call: Call, row: i32, rstd: f64): void {
  sumRow<L, C, T>(call.xAt(row), call.size, call.mean(row), call, row, rstd);
}

/** The smallest or largest element of one row; NaN if the row has one. */
export function extremeRow<L, M>(x: usize, size: i32): f64 {
  const lanes = changetype<L>(0);
  const extreme = changetype<M>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = x + <usize>size * lanes.bytes();
  let m0 = lanes.loadSplat(x);
  let m1 = m0;
  let signs0 = m0;
  let signs1 = m0;
  let areNaN0 = f32x4.ne(m0, m0);
  let areNaN1 = areNaN0;
  const pairsEnd = end - ((end - x) % (step * PAIR));
  while (x < pairsEnd) {
    const x0 = lanes.load(x);
    const x1 = lanes.load(x + step);
    m0 = extreme.of(m0, x0);
    m1 = extreme.of(m1, x1);
    signs0 = extreme.signs(signs0, x0);
    signs1 = extreme.signs(signs1, x1);
    areNaN0 = v128.or(areNaN0, f32x4.ne(x0, x0));
    areNaN1 = v128.or(areNaN1, f32x4.ne(x1, x1));
    x += step * PAIR;
  }
  while (x < end) {
    const one = lanes.loadSplat(x);
    m0 = extreme.of(m0, one);
    signs0 = extreme.signs(signs0, one);
    areNaN0 = v128.or(areNaN0, f32x4.ne(one, one));
    x += lanes.bytes();
  }
  if (v128.any_true(v128.or(areNaN0, areNaN1))) return NaN;
  const m = changetype<Fold<M>>(0).across(extreme.of(m0, m1));
  const signs = changetype<Fold<M>>(0).signsAcross(extreme.signs(signs0, signs1));
  const found = f32x4.extract_lane(m, 0);
  if (found == 0) return i32x4.extract_lane(signs, 0) < 0 ? -0.0 : 0;
  return <f64>found;
}

/** Reduces four lanes to their extreme, or to their signs, in the first lane. */
@unmanaged
@final
class Fold<M> {
  @inline across(m: v128): v128 {
    const extreme = changetype<M>(0);
    m = extreme.of(m, f32x4.shuffle(m, m, 2, 3, 2, 3));
    return extreme.of(m, f32x4.shuffle(m, m, 1, 1, 1, 1));
  }
  @inline signsAcross(signs: v128): v128 {
    const extreme = changetype<M>(0);
    signs = extreme.signs(signs, f32x4.shuffle(signs, signs, 2, 3, 2, 3));
    return extreme.signs(signs, f32x4.shuffle(signs, signs, 1, 1, 1, 1));
  }
}

/** The largest distance of an element from the mean. The row must hold no NaN. */
export function farthest(x: usize, mean: f64, size: i32): f64 {
  const lanes = changetype<Single>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = x + <usize>size * lanes.bytes();
  let most = lanes.loadSplat(x);
  let least = most;
  const pairsEnd = end - ((end - x) % (step * PAIR));
  while (x < pairsEnd) {
    const x0 = lanes.load(x);
    const x1 = lanes.load(x + step);
    most = f32x4.pmax(most, f32x4.pmax(x0, x1));
    least = f32x4.pmin(least, f32x4.pmin(x0, x1));
    x += step * PAIR;
  }
  while (x < end) {
    const one = lanes.loadSplat(x);
    most = f32x4.pmax(most, one);
    least = f32x4.pmin(least, one);
    x += lanes.bytes();
  }
  return max(lanes.largest(most) - mean, mean + lanes.largest(f32x4.neg(least)));
}
