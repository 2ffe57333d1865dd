/**
 * One pass over one row, or two. Every loop over H stands in this file, but those that add down columns (columns.ts) and those
 * that convert (copies.ts), written once over lanes (single or double precision), centring and formula; statistics.ts,
 * forward.ts, backward.ts and reductions.ts put them together.
 *
 * Tails are handled in vectors of which only the row's own lanes are read, summed and written.
 */

import { Origin, Sum, Value, Whole } from "./formulas";
import { Single } from "./lanes";

/** What the last `sumRow` or `addRow` found: the sum of f, the sum of f t and, of a gradient, the largest t^2. */
export let sum0: f64 = 0;
export let sum1: f64 = 0;
export let largestSquare: f64 = 0;

/** Vectors that a map takes at a time: as many independent operations hide the latency of one. */
const GROUP: usize = 4;
/** Vectors that a sum takes at a time, added to each other first. */
const PAIR: usize = 2;
/** Pairs in a block: 64 f32, of which no lane adds more than 8 pairs in single precision. */
const PAIRS: usize = 8;
/** The same in rows below LONG, where one element weighs more, and in second passes for statistics, which are rare. */
const FEW_PAIRS: usize = 2;
const LONG: i32 = 256;

/** One vector of a sum: t of x, and the term f of t and the elements at p and q. */
@unmanaged
@final
class At<L, C, T> {
  @inline t(x: usize, high: v128, low: v128): v128 {
    return changetype<C>(0).of<L>(changetype<L>(0).load(x), high, low);
  }
  @inline f(t: v128, p: usize, q: usize, a: v128, b: v128): v128 {
    const lanes = changetype<L>(0);
    const term = changetype<T>(0);
    const none = f64x2.splat(0);
    return term.of<L>(t, term.usesP() ? lanes.load(p) : none, term.usesQ() ? lanes.load(q) : none, a, b, none, none);
  }
}

/**
 * sum0 = sum of f and sum1 = sum of f t over one row, where t = x - (high + low) and f = T(t, p, q).
 *
 * Blocks are added in the lanes' own precision and combined in double precision, so that the error does not grow with
 * the length of the row.
 */
export function sumRow<L, C, T>(
  x: usize,
  p: usize,
  q: usize,
  size: i32,
  high: v128,
  low: v128,
  a: v128,
  b: v128,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const term = changetype<T>(0);
  const at = changetype<At<L, C, T>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);

  let sums = none;
  let m = none;

  const end = x + <usize>size * lanes.bytes();
  const pairsEnd = end - ((end - x) % (step * PAIR));
  const rare = centre.isCentred() && !term.usesP();
  const block = step * PAIR * (rare || size < LONG ? FEW_PAIRS : PAIRS);
  while (x < pairsEnd) {
    const blockEnd = min(x + block, pairsEnd);
    let v = none;
    let w = none;
    do {
      const t0 = at.t(x, high, low);
      const t1 = at.t(x + step, high, low);
      const f0 = at.f(t0, p, q, a, b);
      const f1 = at.f(t1, p + step, q + step, a, b);
      v = lanes.add(v, lanes.add(f0, f1));
      w = lanes.add(w, lanes.madd(f1, t1, lanes.mul(f0, t0)));
      if (term.usesP()) m = lanes.pmax(lanes.pmax(m, lanes.mul(t0, t0)), lanes.mul(t1, t1));
      x += step * PAIR;
      if (term.usesP()) p += step * PAIR;
      if (term.usesQ()) q += step * PAIR;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.fold(v, w));
  }

  // Less than a pair is left: a whole vector, then the lanes that belong to the row.
  if (x < end) {
    let v = none;
    let w = none;
    const vectorsEnd = end - ((end - x) % step);
    while (x < vectorsEnd) {
      const t = at.t(x, high, low);
      const f = at.f(t, p, q, a, b);
      v = lanes.add(v, f);
      w = lanes.madd(f, t, w);
      if (term.usesP()) m = lanes.pmax(m, lanes.mul(t, t));
      x += step;
      if (term.usesP()) p += step;
      if (term.usesQ()) q += step;
    }
    if (x < end) {
      const n = <i32>((end - x) / lanes.bytes());
      const t = lanes.keep(centre.of<L>(lanes.loadPart(x, n), high, low), n);
      const pn = term.usesP() ? lanes.loadPart(p, n) : none;
      const qn = term.usesQ() ? lanes.loadPart(q, n) : none;
      const f = lanes.keep(term.of<L>(t, pn, qn, a, b, none, none), n);
      v = lanes.add(v, f);
      w = lanes.madd(f, t, w);
      if (term.usesP()) m = lanes.pmax(m, lanes.mul(t, t));
    }
    sums = f64x2.add(sums, lanes.fold(v, w));
  }

  sum0 = f64x2.extract_lane(sums, 0);
  sum1 = f64x2.extract_lane(sums, 1);
  if (term.usesP()) largestSquare = lanes.largest(m);
}

/** One vector of out = x + p. */
@unmanaged
@final
class Added {
  @inline of(out: usize, x: usize, p: usize): v128 {
    const sum = f32x4.add(v128.load(x), v128.load(p));
    v128.store(out, sum);
    return sum;
  }
}

/**
 * out = x + p of one row, and on the way the sums of out and of its squares, in sumRow's order. out may be x or p.
 */
export function addRow(x: usize, p: usize, out: usize, size: i32): void {
  const lanes = changetype<Single>(0);
  const added = changetype<Added>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let sums = none;
  const end = out + <usize>(size & ~7) * lanes.bytes();
  const block = step * PAIR * (size < LONG ? FEW_PAIRS : PAIRS);
  while (out < end) {
    const blockEnd = min(out + block, end);
    const turnsEnd = blockEnd - ((blockEnd - out) & (step * PAIR));
    let v = none;
    let w = none;
    while (out < turnsEnd) {
      const f0 = added.of(out, x, p);
      const f1 = added.of(out + step, x + step, p + step);
      v = lanes.add(v, lanes.add(f0, f1));
      w = lanes.add(w, lanes.madd(f1, f1, lanes.mul(f0, f0)));
      const f2 = added.of(out + step * 2, x + step * 2, p + step * 2);
      const f3 = added.of(out + step * 3, x + step * 3, p + step * 3);
      v = lanes.add(v, lanes.add(f2, f3));
      w = lanes.add(w, lanes.madd(f3, f3, lanes.mul(f2, f2)));
      x += step * PAIR * 2;
      p += step * PAIR * 2;
      out += step * PAIR * 2;
    }
    if (out < blockEnd) {
      const f0 = added.of(out, x, p);
      const f1 = added.of(out + step, x + step, p + step);
      v = lanes.add(v, lanes.add(f0, f1));
      w = lanes.add(w, lanes.madd(f1, f1, lanes.mul(f0, f0)));
      x += step * PAIR;
      p += step * PAIR;
      out += step * PAIR;
    }
    sums = f64x2.add(sums, lanes.fold(v, w));
  }
  const rest = size & 7;
  if (rest) {
    mapRow<Single, Origin, Sum>(x, p, 0, out, rest, none, none, none, none, none, none);
    sumRow<Single, Origin, Value>(out, 0, 0, rest, none, none, none, none);
    sums = f64x2.add(sums, f64x2.replace_lane(f64x2.splat(sum0), 1, sum1));
  }
  sum0 = f64x2.extract_lane(sums, 0);
  sum1 = f64x2.extract_lane(sums, 1);
}

/** One vector of a map. */
@unmanaged
@final
class Mapped<L, C, T> {
  @inline of(x: usize, p: usize, q: usize, high: v128, low: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    const lanes = changetype<L>(0);
    const formula = changetype<T>(0);
    const none = f64x2.splat(0);
    const t = formula.usesT() ? changetype<C>(0).of<L>(lanes.load(x), high, low) : none;
    const pn = formula.usesP() ? lanes.load(p) : none;
    const qn = formula.usesQ() ? lanes.load(q) : none;
    return formula.of<L>(t, pn, qn, a, b, c, d);
  }
}

/**
 * out = T(t, p, q) over one row, where t = x - (high + low). out may be x, p or q.
 */
export function mapRow<L, C, T>(
  x: usize,
  p: usize,
  q: usize,
  out: usize,
  size: i32,
  high: v128,
  low: v128,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const formula = changetype<T>(0);
  const z = changetype<Mapped<L, C, T>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const outBytes = lanes.outBytes();
  const outStep = outBytes * <usize>lanes.width();
  const none = f64x2.splat(0);

  const end = out + <usize>size * outBytes;
  // Double serves rare rows: it does without the groups.
  if (lanes.width() == 4) {
    // By their offset, in elements: one addition a turn, where each pointer would take one and a move.
    const groups = <usize>size & ~(GROUP * 4 - 1);
    let i: usize = 0;
    for (; i < groups; i += GROUP * 4) {
      const xi = x + i * lanes.bytes();
      const pi = p + i * lanes.bytes();
      const qi = q + i * lanes.bytes();
      const at = out + i * outBytes;
      lanes.storePair(
        at,
        z.of(xi, pi, qi, high, low, a, b, c, d),
        z.of(xi + step, pi + step, qi + step, high, low, a, b, c, d),
      );
      lanes.storePair(
        at + outStep * 2,
        z.of(xi + step * 2, pi + step * 2, qi + step * 2, high, low, a, b, c, d),
        z.of(xi + step * 3, pi + step * 3, qi + step * 3, high, low, a, b, c, d),
      );
    }
    if (formula.usesT()) x += i * lanes.bytes();
    if (formula.usesP()) p += i * lanes.bytes();
    if (formula.usesQ()) q += i * lanes.bytes();
    out += i * outBytes;
  }
  const vectorsEnd = end - ((end - out) % outStep);
  while (out < vectorsEnd) {
    lanes.store(out, z.of(x, p, q, high, low, a, b, c, d));
    if (formula.usesT()) x += step;
    if (formula.usesP()) p += step;
    if (formula.usesQ()) q += step;
    out += outStep;
  }
  if (out < end) {
    const n = <i32>((end - out) / outBytes);
    const t = formula.usesT() ? centre.of<L>(lanes.loadPart(x, n), high, low) : none;
    const pn = formula.usesP() ? lanes.loadPart(p, n) : none;
    const qn = formula.usesQ() ? lanes.loadPart(q, n) : none;
    lanes.storePart(out, formula.of<L>(t, pn, qn, a, b, c, d), n);
  }
}

/**
 * mapRow of two rows, x and the next, and on the way the sums of x and x^2 of the two after those, in sumRow's order: what
 * one waits for leaves time for the other, and p and q are loaded once. The sums go to `sums` and `squares`, one f64 a row.
 * Rows are xStride and zStride bytes apart; z may be x.
 */
export function mapAndSumRows<T>(
  x: usize,
  xStride: usize,
  p: usize,
  q: usize,
  z: usize,
  zStride: usize,
  size: i32,
  high0: v128,
  high1: v128,
  a0: v128,
  a1: v128,
  b0: v128,
  b1: v128,
  sums: usize,
  squares: usize,
): void {
  const lanes = changetype<Single>(0);
  const formula = changetype<T>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let sums0 = none;
  let sums1 = none;
  const next = xStride * 2;
  const end = x + <usize>(size & ~7) * lanes.bytes();
  const block = step * PAIR * (size < LONG ? FEW_PAIRS : PAIRS);
  while (x < end) {
    const blockEnd = min(x + block, end);
    let v0 = none;
    let w0 = none;
    let v1 = none;
    let w1 = none;
    do {
      const p0 = formula.usesP() ? lanes.load(p) : none;
      const q0 = formula.usesQ() ? lanes.load(q) : none;
      const p1 = formula.usesP() ? lanes.load(p + step) : none;
      const q1 = formula.usesQ() ? lanes.load(q + step) : none;
      {
        const f0 = lanes.load(x + next);
        lanes.store(z, formula.of<Single>(lanes.sub(lanes.load(x), high0), p0, q0, a0, b0, none, none));
        const f1 = lanes.load(x + next + step);
        lanes.store(z + step, formula.of<Single>(lanes.sub(lanes.load(x + step), high0), p1, q1, a0, b0, none, none));
        v0 = lanes.add(v0, lanes.add(f0, f1));
        w0 = lanes.add(w0, lanes.madd(f1, f1, lanes.mul(f0, f0)));
      }
      const x1 = x + xStride;
      const z1 = z + zStride;
      {
        const f0 = lanes.load(x1 + next);
        lanes.store(z1, formula.of<Single>(lanes.sub(lanes.load(x1), high1), p0, q0, a1, b1, none, none));
        const f1 = lanes.load(x1 + next + step);
        lanes.store(z1 + step, formula.of<Single>(lanes.sub(lanes.load(x1 + step), high1), p1, q1, a1, b1, none, none));
        v1 = lanes.add(v1, lanes.add(f0, f1));
        w1 = lanes.add(w1, lanes.madd(f1, f1, lanes.mul(f0, f0)));
      }
      x += step * PAIR;
      if (formula.usesP()) p += step * PAIR;
      if (formula.usesQ()) q += step * PAIR;
      z += step * PAIR;
    } while (x < blockEnd);
    sums0 = f64x2.add(sums0, lanes.fold(v0, w0));
    sums1 = f64x2.add(sums1, lanes.fold(v1, w1));
  }
  const rest = size & 7;
  if (rest) {
    mapRow<Single, Whole, T>(x, p, q, z, rest, high0, none, a0, b0, none, none);
    mapRow<Single, Whole, T>(x + xStride, p, q, z + zStride, rest, high1, none, a1, b1, none, none);
    sumRow<Single, Origin, Value>(x + next, 0, 0, rest, none, none, none, none);
    sums0 = f64x2.add(sums0, f64x2.replace_lane(f64x2.splat(sum0), 1, sum1));
    sumRow<Single, Origin, Value>(x + next + xStride, 0, 0, rest, none, none, none, none);
    sums1 = f64x2.add(sums1, f64x2.replace_lane(f64x2.splat(sum0), 1, sum1));
  }
  store<f64>(sums, f64x2.extract_lane(sums0, 0));
  store<f64>(squares, f64x2.extract_lane(sums0, 1));
  store<f64>(sums, f64x2.extract_lane(sums1, 0), 8);
  store<f64>(squares, f64x2.extract_lane(sums1, 1), 8);
}

/** The smallest or largest element of one row; NaN where there is one. */
export function extremeRow<L, M>(x: usize, size: i32): f64 {
  const lanes = changetype<L>(0);
  const extreme = changetype<M>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = x + <usize>size * lanes.bytes();
  let m0 = lanes.loadSplat(x);
  let m1 = m0;
  const pairsEnd = end - ((end - x) % (step * 2));
  while (x < pairsEnd) {
    m0 = extreme.of(m0, lanes.load(x));
    m1 = extreme.of(m1, lanes.load(x + step));
    x += step * 2;
  }
  while (x < end) {
    m0 = extreme.of(m0, lanes.loadSplat(x));
    x += lanes.bytes();
  }
  m0 = extreme.of(m0, m1);
  m0 = extreme.of(m0, f32x4.shuffle(m0, m0, 2, 3, 2, 3));
  m0 = extreme.of(m0, f32x4.shuffle(m0, m0, 1, 1, 1, 1));
  return <f64>f32x4.extract_lane(m0, 0);
}
