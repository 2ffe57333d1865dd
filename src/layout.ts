/**
 * The byte offsets of the fields in the blocks that kernels read. `npm run layout` writes this file from assembly/call.ts
 * and assembly/transfer.ts, which say what the fields mean. These are enums, because bundling leaves only their numbers.
 */

/** A call of a norm. */
export enum CALL {
  bytes = 136,
  eps = 0, // f64
  scale = 8, // f64
  k = 16, // f64
  size = 24, // i32
  x = 28, // usize
  xStride = 32, // usize
  y = 36, // usize
  yStride = 40, // usize
  means = 44, // usize
  rstds = 48, // usize
  gain = 52, // usize
  bias = 56, // usize
  dy = 60, // usize
  dyStride = 64, // usize
  dx = 68, // usize
  dxStride = 72, // usize
  columns = 76, // usize
  totals = 80, // usize
  first = 84, // i32
  residual = 88, // usize
  residualStride = 92, // usize
  sum = 96, // usize
  sumStride = 100, // usize
  ddof = 104, // i32
  isAda = 108, // i32
  centred = 112, // i32
  epsAtStd = 116, // i32
  epsIsLeast = 120, // i32
  detachMean = 124, // i32
  detachStd = 128, // i32
  detachScale = 132, // i32
}

/** Rows to be copied or added. */
export enum TRANSFER {
  bytes = 32,
  type = 0, // i32
  size = 4, // i32
  from = 8, // usize
  fromStride = 12, // usize
  addend = 16, // usize
  addendStride = 20, // usize
  to = 24, // usize
  toStride = 28, // usize
}
