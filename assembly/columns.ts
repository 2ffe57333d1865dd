/** Sums down the columns of a batch, one or two rows at a time: they are the gradients of gain and bias. */

import { Call } from "./call";
import { Double, Single } from "./lanes";

/** Vectors of a row that are taken at a time, and the bytes of mapRowsAndSumColumns' sums of one. */
const PAIR: usize = 2;
/** Bytes of the f32 sums that belong to one vector: 4 of dy z, then 4 of dy. */
const SUMS_BYTES: usize = 32;

/** The size of a row, rounded up to whole vectors: as many sums are kept. */
export function columnsLength(call: Call): usize {
  return (<usize>call.size + 3) & ~3;
}

/** The address of the f64 sums of dy, which follow those of dy z. */
export function biasSumsOf(call: Call): usize {
  return call.columns + columnsLength(call) * sizeof<f64>();
}

/** The address of the f32 sums, which follow the f64 sums of dy. */
function singleSumsOf(call: Call): usize {
  return call.columns + 2 * columnsLength(call) * sizeof<f64>();
}

/** Adds dy z and dy of one row to the f64 sums of its columns, from `column` to the end of the row. */
export function sumColumns(call: Call, row: i32, rstd: f64, column: i32): void {
  const lanes = changetype<Double>(0);
  const term = changetype<Term>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const sumsStep = sizeof<f64>() * <usize>lanes.width();
  const mean = lanes.splat(call.mean(row));
  const rstds = lanes.splat(rstd);

  const offset = <usize>column * lanes.bytes();
  let x = call.xAt(row) + offset;
  let dy = call.dyAt(row) + offset;
  let gainSums = call.columns + <usize>column * sizeof<f64>();
  let biasSums = biasSumsOf(call) + <usize>column * sizeof<f64>();
  const end = dy + <usize>(call.size - column) * lanes.bytes();
  const pairsEnd = end - ((end - dy) % (step * PAIR));
  // Engines unroll such a loop by themselves, but not always: V8 does so in memory of one thread alone.
  while (dy < pairsEnd) {
    term.add(x, dy, gainSums, biasSums, mean, rstds);
    term.add(x + step, dy + step, gainSums + sumsStep, biasSums + sumsStep, mean, rstds);
    x += step * PAIR;
    dy += step * PAIR;
    gainSums += sumsStep * PAIR;
    biasSums += sumsStep * PAIR;
  }
  if (dy + step <= end) {
    term.add(x, dy, gainSums, biasSums, mean, rstds);
    x += step;
    dy += step;
    gainSums += sumsStep;
    biasSums += sumsStep;
  }
  if (dy < end) {
    const n = <i32>((end - dy) / lanes.bytes());
    const upstream = lanes.loadPart(dy, n);
    const z = lanes.mul(lanes.sub(lanes.loadPart(x, n), mean), rstds);
    lanes.accumulate(gainSums, lanes.keep(lanes.mul(upstream, z), n));
    lanes.accumulate(biasSums, upstream);
  }
}

/** One vector in sumColumns. */
@unmanaged
@final
class Term {
  @inline add(x: usize, dy: usize, gainSums: usize, biasSums: usize, mean: v128, rstds: v128): void {
    const lanes = changetype<Double>(0);
    const upstream = lanes.load(dy);
    const z = lanes.mul(lanes.sub(lanes.load(x), mean), rstds);
    lanes.accumulate(gainSums, lanes.mul(upstream, z));
    lanes.accumulate(biasSums, upstream);
  }
}

/** The same of a row and the next, whole, row after row for every column: the sums are loaded and stored once. */
export function sumColumnsOfTwo(call: Call, row: i32, rstd0: f64, rstd1: f64): void {
  const lanes = changetype<Double>(0);
  const two = changetype<TwoTerms>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const sumsStep = sizeof<f64>() * <usize>lanes.width();
  const mean0 = lanes.splat(call.mean(row));
  const mean1 = lanes.splat(call.mean(row + 1));
  const rstds0 = lanes.splat(rstd0);
  const rstds1 = lanes.splat(rstd1);

  let x0 = call.xAt(row);
  let x1 = call.xAt(row + 1);
  let dy0 = call.dyAt(row);
  let dy1 = call.dyAt(row + 1);
  let gainSums = call.columns;
  let biasSums = biasSumsOf(call);
  const pairs = call.size & ~3;
  const end = dy0 + <usize>pairs * lanes.bytes();
  while (dy0 < end) {
    two.add(x0, x1, dy0, dy1, gainSums, biasSums, mean0, mean1, rstds0, rstds1);
    two.add(
      x0 + step,
      x1 + step,
      dy0 + step,
      dy1 + step,
      gainSums + sumsStep,
      biasSums + sumsStep,
      mean0,
      mean1,
      rstds0,
      rstds1,
    );
    x0 += step * PAIR;
    x1 += step * PAIR;
    dy0 += step * PAIR;
    dy1 += step * PAIR;
    gainSums += sumsStep * PAIR;
    biasSums += sumsStep * PAIR;
  }
  if (pairs < call.size) {
    sumColumns(call, row, rstd0, pairs);
    sumColumns(call, row + 1, rstd1, pairs);
  }
}

/** One vector of each row in sumColumnsOfTwo. */
@unmanaged
@final
class TwoTerms {
  // structure: part of sumColumnsOfTwo, written once for its two vectors
  @inline add(
    x0: usize,
    x1: usize,
    dy0: usize,
    dy1: usize,
    gainSums: usize,
    biasSums: usize,
    mean0: v128,
    mean1: v128,
    rstds0: v128,
    rstds1: v128,
  ): void {
    const lanes = changetype<Double>(0);
    const upstream0 = lanes.load(dy0);
    const upstream1 = lanes.load(dy1);
    const z0 = lanes.mul(lanes.sub(lanes.load(x0), mean0), rstds0);
    const z1 = lanes.mul(lanes.sub(lanes.load(x1), mean1), rstds1);
    const gains = lanes.add(v128.load(gainSums), lanes.mul(upstream0, z0));
    v128.store(gainSums, lanes.add(gains, lanes.mul(upstream1, z1)));
    v128.store(biasSums, lanes.add(lanes.add(v128.load(biasSums), upstream0), upstream1));
  }
}

/**
 * dx = rstd dz - viaMean - viaStd t of a row and the next, and on the way the sums of dy z and of dy down their columns: four
 * f32 of the ones, four of the others, and so on. For the columns that fill pairs of vectors. dx may be dy or x. Both
 * rows are Single: dx is made of x, as mapRow makes it. No gradient that has columns has a slope.
 */
// structure: the scalars of both rows must be vectors: with splats in here, the loop takes 16 to 27 % longer (registers)
export function mapRowsAndSumColumns<G>(
  call: Call,
  row: i32,
  mean0: v128,
  mean1: v128,
  rstd0: v128,
  rstd1: v128,
  viaMean0: v128,
  viaMean1: v128,
  viaStd0: v128,
  viaStd1: v128,
): void {
  const gradient = changetype<G>(0);
  const two = changetype<TwoRows<G>>(0);
  const step = sizeof<v128>();
  const xStride = call.xStride;
  const dyStride = call.dyStride;
  const dxStride = call.dxStride;
  let x = call.xAt(row);
  let dy = call.dyAt(row);
  let gain: usize = gradient.usesGain() ? call.gainAt(row) : 0;
  let dx = call.dxAt(row);
  let sums = singleSumsOf(call);
  const end = sums + <usize>(call.size & ~7) * (2 * sizeof<f32>());
  do {
    two.at(
      x,
      xStride,
      dy,
      dyStride,
      gain,
      dx,
      dxStride,
      mean0,
      mean1,
      rstd0,
      rstd1,
      viaMean0,
      viaMean1,
      viaStd0,
      viaStd1,
      sums,
    );
    two.at(
      x + step,
      xStride,
      dy + step,
      dyStride,
      gain + step,
      dx + step,
      dxStride,
      mean0,
      mean1,
      rstd0,
      rstd1,
      viaMean0,
      viaMean1,
      viaStd0,
      viaStd1,
      sums + SUMS_BYTES,
    );
    x += step * PAIR;
    dy += step * PAIR;
    if (gradient.usesGain()) gain += step * PAIR;
    dx += step * PAIR;
    sums += SUMS_BYTES * PAIR;
  } while (sums < end);
}

/** The step of mapRowsAndSumColumns for one vector of each row. */
@unmanaged
@final
class TwoRows<G> {
  // structure: the loop body of mapRowsAndSumColumns, which calls it for each of its two vectors
  @inline at(
    x: usize,
    xStride: usize,
    dy: usize,
    dyStride: usize,
    gain: usize,
    dx: usize,
    dxStride: usize,
    mean0: v128,
    mean1: v128,
    rstd0: v128,
    rstd1: v128,
    viaMean0: v128,
    viaMean1: v128,
    viaStd0: v128,
    viaStd1: v128,
    sums: usize,
  ): void {
    const lanes = changetype<Single>(0);
    const gradient = changetype<G>(0);
    const none = f64x2.splat(0);
    const gains = gradient.usesGain() ? lanes.load(gain) : none;
    const dy0 = lanes.load(dy);
    const x0 = lanes.load(x);
    const t0 = lanes.sub(x0, mean0);
    const rstdDz0 = lanes.mul(gradient.h<Single>(x0, dy0, gains, none), rstd0);
    lanes.store(dx, lanes.nmadd(viaStd0, x0, lanes.sub(rstdDz0, viaMean0)));
    const dy1 = lanes.load(dy + dyStride);
    const x1 = lanes.load(x + xStride);
    const t1 = lanes.sub(x1, mean1);
    const rstdDz1 = lanes.mul(gradient.h<Single>(x1, dy1, gains, none), rstd1);
    lanes.store(dx + dxStride, lanes.nmadd(viaStd1, x1, lanes.sub(rstdDz1, viaMean1)));
    const dyZ = lanes.madd(lanes.mul(dy1, rstd1), t1, lanes.mul(lanes.mul(dy0, rstd0), t0));
    v128.store(sums, f32x4.add(v128.load(sums), dyZ));
    v128.store(sums, f32x4.add(v128.load(sums, 16), lanes.add(dy0, dy1)), 16);
  }
}

/** Adds the f32 sums of mapRowsAndSumColumns to the f64 sums, and sets them to 0. */
export function flushColumns(call: Call): void {
  const lanes = changetype<Single>(0);
  const none = f64x2.splat(0);
  let gainSums = call.columns;
  let biasSums = biasSumsOf(call);
  let sums = singleSumsOf(call);
  const end = sums + <usize>(call.size & ~7) * (2 * sizeof<f32>());
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
