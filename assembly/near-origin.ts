/**
 * Backward of a row whose mean is within a sigma of the origin, in f32: its sums, and dx. Both are made of h and x, as
 * formulas/gradients.ts says. The pass that sums can keep h for the pass that writes.
 */

import { Call } from "./call";
import { GradientFactors } from "./formulas/gradients";
import { Single, sumLanes } from "./lanes";

/** The results of the last sum in this file: of h, of h x, and the largest |x|. */
export let hSum: f64 = 0;
export let hXSum: f64 = 0;
export let farthestX: f64 = 0;
/** Where the last sum has left h, if it has. */
let keptAt: usize = 0;

/** The bytes of one vector, and of two, which are added to each other first. */
const STEP: usize = 16;
const PAIR_BYTES: usize = STEP * 2;
/** The bytes of a block, whose sum goes to f64. */
const BLOCK_BYTES: usize = PAIR_BYTES * 8;
/** The bytes of the vectors in a turn of the loop that writes. */
const GROUP_BYTES: usize = STEP * 4;

/** Where h comes from: it is made of x, dy and gain. */
@unmanaged
@final
export class Made<G> {
  @inline isKept(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return changetype<G>(0).usesGain();
  }
  @inline upstreamAt(call: Call, row: i32): usize {
    return call.dyAt(row);
  }
  /** The x at which adaNorm's h is 0, in every lane. */
  @inline root(call: Call, row: i32): v128 {
    return f32x4.splat(<f32>changetype<GradientFactors<G>>(0).root(call, call.mean(row), call.rstd(row)));
  }
  @inline of(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return changetype<G>(0).h<Single>(x, upstream, gain, root);
  }
}

/** The same, and the pass that sums keeps h. */
@unmanaged
@final
export class Keeping<G> {
  @inline isKept(): bool {
    return true;
  }
  @inline usesGain(): bool {
    return changetype<G>(0).usesGain();
  }
  @inline root(call: Call, row: i32): v128 {
    return changetype<Made<G>>(0).root(call, row);
  }
  @inline of(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return changetype<G>(0).h<Single>(x, upstream, gain, root);
  }
}

/** h is what the last sum has kept. It takes the place of dy. */
@unmanaged
@final
export class Kept {
  @inline usesGain(): bool {
    return false;
  }
  @inline upstreamAt(call: Call, row: i32): usize {
    return keptAt;
  }
  @inline root(call: Call, row: i32): v128 {
    return f64x2.splat(0);
  }
  @inline of(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return upstream;
  }
}

/** Sums h and h x over one row, and finds the largest |x|. Keeps h at `kept`, where there is room for a row, if H keeps it. */
export function sumNearOrigin<H>(call: Call, row: i32, kept: usize): void {
  const lanes = changetype<Single>(0);
  const h = changetype<H>(0);
  const none = f64x2.splat(0);
  const root = h.root(call, row);
  let x = call.xAt(row);
  let dy = call.dyAt(row);
  let gain: usize = h.usesGain() ? call.gainAt(row) : 0;
  keptAt = kept;
  const end = x + <usize>call.size * lanes.bytes();
  const pairsEnd = end - ((end - x) % PAIR_BYTES);
  let sums = none;
  let products = none;
  let m = none;
  while (x < pairsEnd) {
    const blockEnd = min(x + BLOCK_BYTES, pairsEnd);
    let v = none;
    let w = none;
    do {
      const x0 = lanes.load(x);
      const x1 = lanes.load(x + STEP);
      const h0 = h.of(x0, lanes.load(dy), h.usesGain() ? lanes.load(gain) : none, root);
      const h1 = h.of(x1, lanes.load(dy + STEP), h.usesGain() ? lanes.load(gain + STEP) : none, root);
      if (h.isKept()) {
        lanes.store(kept, h0);
        lanes.store(kept + STEP, h1);
      }
      v = lanes.add(v, lanes.add(h0, h1));
      w = lanes.add(w, lanes.madd(h1, x1, lanes.mul(h0, x0)));
      // One maximum of m a turn: each waits for the one before.
      m = lanes.fartherOf(m, lanes.farther(lanes.magnitude(x0), x1));
      x += PAIR_BYTES;
      dy += PAIR_BYTES;
      if (h.usesGain()) gain += PAIR_BYTES;
      if (h.isKept()) kept += PAIR_BYTES;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.widen(v));
    products = f64x2.add(products, lanes.widen(w));
  }

  // The rest of the row: a vector at most, and a part of one.
  let v = none;
  let w = none;
  if (end - x >= STEP) {
    const x0 = lanes.load(x);
    v = h.of(x0, lanes.load(dy), h.usesGain() ? lanes.load(gain) : none, root);
    w = lanes.mul(v, x0);
    m = lanes.farther(m, x0);
    if (h.isKept()) lanes.store(kept, v);
    x += STEP;
    dy += STEP;
    if (h.usesGain()) gain += STEP;
    if (h.isKept()) kept += STEP;
  }
  if (x < end) {
    const n = <i32>((end - x) >> 2);
    const x0 = lanes.keep(lanes.loadPart(x, n), n);
    const upstream = lanes.keep(lanes.loadPart(dy, n), n);
    const h0 = h.of(x0, upstream, h.usesGain() ? lanes.loadPart(gain, n) : none, root);
    v = lanes.add(v, h0);
    w = lanes.madd(h0, x0, w);
    m = lanes.farther(m, x0);
    if (h.isKept()) lanes.storePart(kept, h0, n);
  }
  hSum = sumLanes(f64x2.add(sums, lanes.widen(v)));
  hXSum = sumLanes(f64x2.add(products, lanes.widen(w)));
  farthestX = lanes.farthest(m);
}

/**
 * Writes dx = factor h - viaMean - viaStd x from `column` on, so viaMean has viaStd mean taken from it. dx may be dy or x, or the
 * row that h was kept in.
 */
export function writeNearOrigin<H>(call: Call, row: i32, column: i32, factor: f64, viaMean: f64, viaStd: f64): void {
  const lanes = changetype<Single>(0);
  const written = changetype<Written<H>>(0);
  const h = changetype<H>(0);
  const none = f64x2.splat(0);
  const root = h.root(call, row);
  const factors = lanes.splat(factor);
  const throughMean = lanes.splat(viaMean);
  const throughStd = lanes.splat(viaStd);
  const offset = <usize>column * lanes.bytes();
  let x = call.xAt(row) + offset;
  let upstream = h.upstreamAt(call, row) + offset;
  let gain: usize = h.usesGain() ? call.gainAt(row) + offset : 0;
  let dx = call.dxAt(row) + offset;
  const end = x + <usize>(call.size - column) * lanes.bytes();
  const groupsEnd = end - ((end - x) % GROUP_BYTES);
  if (x < groupsEnd) {
    do {
      written.at(x, upstream, gain, dx, root, factors, throughMean, throughStd);
      written.at(x + STEP, upstream + STEP, gain + STEP, dx + STEP, root, factors, throughMean, throughStd);
      written.at(
        x + STEP * 2,
        upstream + STEP * 2,
        gain + STEP * 2,
        dx + STEP * 2,
        root,
        factors,
        throughMean,
        throughStd,
      );
      written.at(
        x + STEP * 3,
        upstream + STEP * 3,
        gain + STEP * 3,
        dx + STEP * 3,
        root,
        factors,
        throughMean,
        throughStd,
      );
      x += GROUP_BYTES;
      upstream += GROUP_BYTES;
      if (h.usesGain()) gain += GROUP_BYTES;
      dx += GROUP_BYTES;
    } while (x < groupsEnd);
  }
  while (end - x >= STEP) {
    written.at(x, upstream, gain, dx, root, factors, throughMean, throughStd);
    x += STEP;
    upstream += STEP;
    if (h.usesGain()) gain += STEP;
    dx += STEP;
  }
  if (x < end) {
    const n = <i32>((end - x) >> 2);
    const x0 = lanes.loadPart(x, n);
    const h0 = h.of(x0, lanes.loadPart(upstream, n), h.usesGain() ? lanes.loadPart(gain, n) : none, root);
    lanes.storePart(dx, written.of(h0, x0, factors, throughMean, throughStd), n);
  }
}

/** The step of writeNearOrigin for one vector. */
@unmanaged
@final
class Written<H> {
  // structure: the loop body of writeNearOrigin, which calls it for each of its vectors
  @inline at(
    x: usize,
    upstream: usize,
    gain: usize,
    dx: usize,
    root: v128,
    factor: v128,
    viaMean: v128,
    viaStd: v128,
  ): void {
    const lanes = changetype<Single>(0);
    const h = changetype<H>(0);
    const x0 = lanes.load(x);
    const h0 = h.of(x0, lanes.load(upstream), h.usesGain() ? lanes.load(gain) : f64x2.splat(0), root);
    lanes.store(dx, this.of(h0, x0, factor, viaMean, viaStd));
  }
  @inline of(h: v128, x: v128, factor: v128, viaMean: v128, viaStd: v128): v128 {
    const lanes = changetype<Single>(0);
    return lanes.nmadd(viaStd, x, lanes.sub(lanes.mul(factor, h), viaMean));
  }
}
