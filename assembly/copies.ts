/** Rows from one storage to another, and sums of two: what stands around the kernels where batches are not plain f32. */

import { Origin, Sum, Value } from "./formulas";
import { Floats, Single } from "./lanes";
import { mapRow } from "./maps";
import { F32 } from "./storage";

/** out = x, 16-bit elements as f32, for every row. */
export function widen<I>(x: usize, xStride: usize, out: usize, outStride: usize, rows: i32, size: i32): void {
  if (xStride == (<usize>size) << 1 && outStride == (<usize>size) << 2) {
    // Rows that follow one another are one.
    size *= rows;
    rows = min(rows, 1);
  }
  for (let row = 0; row < rows; row++) {
    widenRow<I>(x, out, size);
    x += xStride;
    out += outStride;
  }
}

/** out = x, f32 as 16-bit elements, rounded once, for every row. areNumbers: no row holds a NaN, and none is looked for. */
export function narrow<O>(
  x: usize,
  xStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
  size: i32,
  areNumbers: bool,
): void {
  if (xStride == (<usize>size) << 2 && outStride == (<usize>size) << 1) {
    size *= rows;
    rows = min(rows, 1);
  }
  for (let row = 0; row < rows; row++) {
    if (areNumbers || !holdsNaN(x, size)) narrowNumbers<O>(x, out, size);
    else convert<F32, O>(x, out, size);
    x += xStride;
    out += outStride;
  }
}

/** One row of anything, from one storage to another. */
function convert<I, O>(x: usize, out: usize, size: i32): void {
  const none = f64x2.splat(0);
  mapRow<Floats<I, O>, Origin, Value>(x, 0, 0, out, size, none, none, none, none, none, none);
}

/** Elements that the fast conversions take at a time, and half as many: a loop alone would make its constants every turn. */
const GROUP: i32 = 16;
const HALF: i32 = 8;

/** One row of 16-bit elements to f32. */
function widenRow<I>(x: usize, out: usize, size: i32): void {
  const from = changetype<I>(0);
  const any = changetype<Floats<I, F32>>(0);
  const end = x + ((<usize>(size & -GROUP)) << 1);
  while (x < end) {
    const g = v128.load(x);
    const h = v128.load(x, 16);
    if (from.areRare(g, h)) {
      any.store(out, any.load(x));
      any.store(out + 16, any.load(x + 8));
      any.store(out + 32, any.load(x + 16));
      any.store(out + 48, any.load(x + 24));
    } else {
      from.widen8(out, g);
      from.widen8(out + 32, h);
    }
    x += GROUP << 1;
    out += GROUP << 2;
  }
  let rest = size & (GROUP - 1);
  if (rest >= HALF) {
    const h = v128.load(x);
    if (from.areRare(h, h)) {
      convert<I, F32>(x, out, HALF);
    } else {
      from.widen8(out, h);
    }
    x += HALF << 1;
    out += HALF << 2;
    rest -= HALF;
  }
  convert<I, F32>(x, out, rest);
}

/** One row of f32 without a NaN to 16-bit elements. */
function narrowNumbers<O>(x: usize, out: usize, size: i32): void {
  const to = changetype<O>(0);
  const end = x + ((<usize>(size & -GROUP)) << 2);
  while (x < end) {
    to.store8Numbers(out, v128.load(x), v128.load(x, 16));
    to.store8Numbers(out + 16, v128.load(x, 32), v128.load(x, 48));
    x += GROUP << 2;
    out += GROUP << 1;
  }
  let rest = size & (GROUP - 1);
  if (rest >= HALF) {
    to.store8Numbers(out, v128.load(x), v128.load(x, 16));
    x += HALF << 2;
    out += HALF << 1;
    rest -= HALF;
  }
  convert<F32, O>(x, out, rest);
}

/** Whether a row of f32 holds a NaN, or infinities of both signs. */
function holdsNaN(x: usize, size: i32): bool {
  const lanes = changetype<Single>(0);
  // A sum is the cheapest way to look for one.
  let sum0 = f64x2.splat(0);
  let sum1 = f64x2.splat(0);
  const end = x + ((<usize>(size & -GROUP)) << 2);
  while (x < end) {
    sum0 = lanes.add(sum0, lanes.add(v128.load(x), v128.load(x, 16)));
    sum1 = lanes.add(sum1, lanes.add(v128.load(x, 32), v128.load(x, 48)));
    x += GROUP << 2;
  }
  for (let rest = size & (GROUP - 1); rest; rest--) {
    sum0 = lanes.add(sum0, lanes.loadSplat(x));
    x += sizeof<f32>();
  }
  sum0 = lanes.add(sum0, sum1);
  return v128.any_true(f32x4.ne(sum0, sum0));
}

/** out = x + p for every row, all f32. out may be x or p where they lie alike. */
export function add(
  x: usize,
  xStride: usize,
  p: usize,
  pStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
  size: i32,
): void {
  const none = f64x2.splat(0);
  for (let row = 0; row < rows; row++) {
    mapRow<Single, Origin, Sum>(x, p, 0, out, size, none, none, none, none, none, none);
    x += xStride;
    p += pStride;
    out += outStride;
  }
}
