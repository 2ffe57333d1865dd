/** Sums down the columns of a batch, which are the gradients of gain and bias: a row or two at a time. */

import { Single } from "./lanes";

/** Vectors of a row that are taken at a time. */
const PAIR: usize = 2;

/**
 * gainSums[j] += u t r and biasSums[j] += u for every column j of one row. The sums have room for whole vectors: their
 * length is rounded up to a multiple of four.
 */
export function sumColumns<L, C>(
  x: usize,
  u: usize,
  mean: f64,
  rstd: f64,
  gainSums: usize,
  biasSums: usize,
  size: i32,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const sumsStep = sizeof<f64>() * <usize>lanes.width();
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const r = lanes.splat(rstd);

  const end = u + <usize>size * lanes.bytes();
  const vectorsEnd = end - ((end - u) % step);
  while (u < vectorsEnd) {
    const v = lanes.load(u);
    lanes.accumulate(gainSums, lanes.mul(v, lanes.mul(centre.of<L>(lanes.load(x), high, low), r)));
    lanes.accumulate(biasSums, v);
    gainSums += sumsStep;
    biasSums += sumsStep;
    x += step;
    u += step;
  }
  if (u < end) {
    const n = <i32>((end - u) / lanes.bytes());
    const v = lanes.loadPart(u, n);
    const t = centre.of<L>(lanes.loadPart(x, n), high, low);
    lanes.accumulate(gainSums, lanes.keep(lanes.mul(v, lanes.mul(t, r)), n));
    lanes.accumulate(biasSums, v);
  }
}

/**
 * dx = h - c - d t of two rows, x and the next, and on the way the sums of u t r and of u down their columns, added onto
 * `sums`: four f32 of the ones, four of the others, and so on. For the columns that fill pairs of vectors; dx may be u or x.
 */
export function mapRowsAndSumColumns<G>(
  x: usize,
  xStride: usize,
  u: usize,
  uStride: usize,
  gain: usize,
  dx: usize,
  dxStride: usize,
  size: i32,
  mean0: v128,
  mean1: v128,
  r0: v128,
  r1: v128,
  c0: v128,
  c1: v128,
  d0: v128,
  d1: v128,
  sums: usize,
): void {
  const lanes = changetype<Single>(0);
  const gradient = changetype<G>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const two = changetype<TwoRows<G>>(0);
  const end = sums + <usize>(size & ~7) * (2 * sizeof<f32>());
  while (sums < end) {
    two.at(x, xStride, u, uStride, gain, dx, dxStride, mean0, mean1, r0, r1, c0, c1, d0, d1, sums);
    two.at(
      x + step,
      xStride,
      u + step,
      uStride,
      gain + step,
      dx + step,
      dxStride,
      mean0,
      mean1,
      r0,
      r1,
      c0,
      c1,
      d0,
      d1,
      sums + 32,
    );
    x += step * PAIR;
    u += step * PAIR;
    if (gradient.usesQ()) gain += step * PAIR;
    dx += step * PAIR;
    sums += 32 * PAIR;
  }
}

/** One vector of each row in mapRowsAndSumColumns. */
@unmanaged
@final
class TwoRows<G> {
  @inline at(
    x: usize,
    xStride: usize,
    u: usize,
    uStride: usize,
    gain: usize,
    dx: usize,
    dxStride: usize,
    mean0: v128,
    mean1: v128,
    r0: v128,
    r1: v128,
    c0: v128,
    c1: v128,
    d0: v128,
    d1: v128,
    sums: usize,
  ): void {
    const lanes = changetype<Single>(0);
    const gradient = changetype<G>(0);
    const none = f64x2.splat(0);
    const g = gradient.usesQ() ? lanes.load(gain) : none;
    const u0 = lanes.load(u);
    const t0 = lanes.sub(lanes.load(x), mean0);
    lanes.store(dx, lanes.nmadd(d0, t0, lanes.sub(gradient.h<Single>(t0, u0, g, r0, none), c0)));
    const u1 = lanes.load(u + uStride);
    const t1 = lanes.sub(lanes.load(x + xStride), mean1);
    lanes.store(dx + dxStride, lanes.nmadd(d1, t1, lanes.sub(gradient.h<Single>(t1, u1, g, r1, none), c1)));
    const gains = lanes.madd(lanes.mul(u1, r1), t1, lanes.mul(lanes.mul(u0, r0), t0));
    v128.store(sums, f32x4.add(v128.load(sums), gains));
    v128.store(sums, f32x4.add(v128.load(sums, 16), lanes.add(u0, u1)), 16);
  }
}

/** Adds mapRowsAndSumColumns' sums of as many columns onto f64, and clears them. */
export function flushColumns(sums: usize, gainSums: usize, biasSums: usize, size: i32): void {
  const lanes = changetype<Single>(0);
  const none = f64x2.splat(0);
  const end = sums + <usize>(size & ~7) * (2 * sizeof<f32>());
  while (sums < end) {
    lanes.accumulate(gainSums, v128.load(sums));
    lanes.accumulate(biasSums, v128.load(sums, 16));
    lanes.accumulate(gainSums + 32, v128.load(sums, 32));
    lanes.accumulate(biasSums + 32, v128.load(sums, 48));
    v128.store(sums, none);
    v128.store(sums, none, 16);
    v128.store(sums, none, 32);
    v128.store(sums, none, 48);
    sums += 64;
    gainSums += 64;
    biasSums += 64;
  }
}

/** out = sums, or out += sums, rounded to f32 once. */
export function addColumns(sums: usize, out: usize, size: i32, accumulate: bool): void {
  for (let i: usize = 0; i < <usize>size; i++) {
    const before = accumulate ? <f64>load<f32>(out + (i << 2)) : 0;
    store<f32>(out + (i << 2), <f32>(before + load<f64>(sums + (i << 3))));
  }
}
