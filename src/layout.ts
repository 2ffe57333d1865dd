/**
 * The byte offsets of the fields in the blocks that kernels read. `npm run layout` writes this file from assembly/call.ts
 * and assembly/transfer.ts, which say what the fields mean. These are enums, because bundling leaves only their numbers.
 */

/** A call of a norm. */
export enum CALL {
  bytes = 160,
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
  spatial = 60, // i32
  groups = 64, // i32
  rowsPerGain = 68, // i32
  dy = 72, // usize
  dyStride = 76, // usize
  dx = 80, // usize
  dxStride = 84, // usize
  columns = 88, // usize
  totals = 92, // usize
  first = 96, // i32
  dGain = 100, // usize
  dBias = 104, // usize
  accumulate = 108, // i32
  residual = 112, // usize
  residualStride = 116, // usize
  sum = 120, // usize
  sumStride = 124, // usize
  ddof = 128, // i32
  isAda = 132, // i32
  centred = 136, // i32
  epsAtStd = 140, // i32
  epsIsLeast = 144, // i32
  detachMean = 148, // i32
  detachStd = 152, // i32
  detachScale = 156, // i32
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
