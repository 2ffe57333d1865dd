/** Rows from one storage to another, and sums of two: what stands around the kernels where batches are not plain f32. */

import { Origin, Sum, Value } from "./formulas";
import { Floats, Single } from "./lanes";
import { mapRow } from "./passes";

/** out = x for every row, which lies in memory as I says and comes to lie as O says, rounded once. */
export function copy<I, O>(x: usize, xStride: usize, out: usize, outStride: usize, rows: i32, size: i32): void {
  const none = f64x2.splat(0);
  if (xStride == <usize>size * changetype<I>(0).bytes() && outStride == <usize>size * changetype<O>(0).bytes()) {
    // Rows that follow one another are one.
    size *= rows;
    rows = min(rows, 1);
  }
  for (let row = 0; row < rows; row++) {
    mapRow<Floats<I, O>, Origin, Value>(x, 0, 0, out, size, none, none, none, none, none, none);
    x += xStride;
    out += outStride;
  }
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
