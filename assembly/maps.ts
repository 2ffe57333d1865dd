/**
 * Passes that write a row: by a formula, or the sum of two rows, with the sums of a row on the way. Written once over lanes (single or double
 * precision), centring and formula.
 *
 * Tails are handled in vectors of which only the row's own lanes are read, summed and written.
 */

import { Origin, Sum, Value, Whole } from "./formulas";
import { Single, sumLanes } from "./lanes";
import { blockOf, sum0, sum1, sumRow } from "./sums";

/** Vectors that a map takes at a time: as many independent operations hide the latency of one. */
const GROUP: usize = 4;
/** Elements of a row that fill no quad of its sums: this many at most. */
const REST: i32 = 15;
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
 * out = x + p of one row, and on the way the sums of out and of its squares, in sumRow's order, which go to sumAt and
 * squaresAt. out may be x or p.
 */
export function addRow(x: usize, p: usize, out: usize, size: i32, sumAt: usize, squaresAt: usize): void {
  const lanes = changetype<Single>(0);
  const added = changetype<Added>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let sums = none;
  let squares = none;
  const block = step * blockOf(size);
  const rest = size & REST;
  const end = out + <usize>(size - rest) * lanes.bytes();
  while (out < end) {
    let v = none;
    let w = none;
    const blockEnd = min(out + block, end);
    do {
      const f0 = added.of(out, x, p);
      const f1 = added.of(out + step, x + step, p + step);
      const f2 = added.of(out + step * 2, x + step * 2, p + step * 2);
      const f3 = added.of(out + step * 3, x + step * 3, p + step * 3);
      const w01 = lanes.madd(f1, f1, lanes.mul(f0, f0));
      const w23 = lanes.madd(f3, f3, lanes.mul(f2, f2));
      v = lanes.add(v, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
      w = lanes.add(w, lanes.add(w01, w23));
      x += step * GROUP;
      p += step * GROUP;
      out += step * GROUP;
    } while (out < blockEnd);
    sums = f64x2.add(sums, lanes.widen(v));
    squares = f64x2.add(squares, lanes.widen(w));
  }
  let restSum: f64 = 0;
  let restSquares: f64 = 0;
  if (rest) {
    mapRow<Single, Origin, Sum>(x, p, 0, out, rest, none, none, none, none, none, none);
    sumRow<Single, Origin, Value>(out, 0, 0, rest, none, none, none, none);
    restSum = sum0;
    restSquares = sum1;
  }
  store<f64>(sumAt, sumLanes(sums) + restSum);
  store<f64>(squaresAt, sumLanes(squares) + restSquares);
}

/**
 * mapRow of one row x and, on the way, the sums of another and of its squares, in sumRow's order, which go to sumAt and
 * squaresAt: what the one waits for leaves time for the other. z may be x.
 */
export function mapAndSumRow<T>(
  x: usize,
  other: usize,
  p: usize,
  q: usize,
  z: usize,
  size: i32,
  high: v128,
  a: v128,
  b: v128,
  sumAt: usize,
  squaresAt: usize,
): void {
  const lanes = changetype<Single>(0);
  const formula = changetype<T>(0);
  const mapped = changetype<Mapped<Single, Whole, T>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let sums = none;
  let squares = none;
  const block = step * blockOf(size);
  const rest = size & REST;
  const end = x + <usize>(size - rest) * lanes.bytes();
  while (x < end) {
    let v = none;
    let w = none;
    const blockEnd = min(x + block, end);
    do {
      lanes.store(z, mapped.of(x, p, q, high, none, a, b, none, none));
      lanes.store(z + step, mapped.of(x + step, p + step, q + step, high, none, a, b, none, none));
      lanes.store(z + step * 2, mapped.of(x + step * 2, p + step * 2, q + step * 2, high, none, a, b, none, none));
      lanes.store(z + step * 3, mapped.of(x + step * 3, p + step * 3, q + step * 3, high, none, a, b, none, none));
      const f0 = lanes.load(other);
      const f1 = lanes.load(other + step);
      const f2 = lanes.load(other + step * 2);
      const f3 = lanes.load(other + step * 3);
      const w01 = lanes.madd(f1, f1, lanes.mul(f0, f0));
      const w23 = lanes.madd(f3, f3, lanes.mul(f2, f2));
      v = lanes.add(v, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
      w = lanes.add(w, lanes.add(w01, w23));
      x += step * GROUP;
      other += step * GROUP;
      if (formula.usesP()) p += step * GROUP;
      if (formula.usesQ()) q += step * GROUP;
      z += step * GROUP;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.widen(v));
    squares = f64x2.add(squares, lanes.widen(w));
  }
  let restSum: f64 = 0;
  let restSquares: f64 = 0;
  if (rest) {
    mapRow<Single, Whole, T>(x, p, q, z, rest, high, none, a, b, none, none);
    sumRow<Single, Origin, Value>(other, 0, 0, rest, none, none, none, none);
    restSum = sum0;
    restSquares = sum1;
  }
  store<f64>(sumAt, sumLanes(sums) + restSum);
  store<f64>(squaresAt, sumLanes(squares) + restSquares);
}
