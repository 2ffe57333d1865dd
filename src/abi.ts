/**
 * What the WebAssembly module exports: assembly/index.ts, seen from here.
 *
 * Pointers are byte offsets into linear memory. Batches are `rows x size` f32, the starts of their rows as many bytes apart
 * as their stride says, or one behind the other; means, rstds and the results of reductions are one f64 a row, 8-byte
 * aligned. What is true or false is 1 or 0.
 */
export interface Abi {
  isRelaxed(): number;
  alloc(bytes: number): number;
  free(block: number): void;
  affineForward(
    x: number,
    xStride: number,
    residual: number,
    residualStride: number,
    sum: number,
    sumStride: number,
    gain: number,
    bias: number,
    y: number,
    yStride: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    centred: number,
    eps: number,
    epsAtStd: number,
    ddof: number,
  ): number;
  adaForward(
    x: number,
    xStride: number,
    residual: number,
    residualStride: number,
    sum: number,
    sumStride: number,
    z: number,
    zStride: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: number,
    ddof: number,
    scale: number,
    k: number,
  ): number;
  rowStatistics(
    x: number,
    xStride: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    centred: number,
    eps: number,
    epsAtStd: number,
    ddof: number,
  ): void;
  affineBackward(
    dy: number,
    dyStride: number,
    x: number,
    xStride: number,
    gain: number,
    means: number,
    rstds: number,
    dx: number,
    dxStride: number,
    columns: number,
    first: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: number,
    ddof: number,
    detachMean: number,
    detachStd: number,
  ): void;
  adaBackward(
    dz: number,
    dzStride: number,
    x: number,
    xStride: number,
    means: number,
    rstds: number,
    dx: number,
    dxStride: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: number,
    ddof: number,
    detachMean: number,
    detachStd: number,
    scale: number,
    k: number,
    detachScale: number,
  ): void;
  columnSums(columns: number, bias: number, out: number, size: number, accumulate: number): void;
  widenRows(type: number, x: number, xStride: number, out: number, outStride: number, rows: number, size: number): void;
  narrowRows(
    type: number,
    x: number,
    xStride: number,
    out: number,
    outStride: number,
    rows: number,
    size: number,
    areNumbers: number,
  ): void;
  addRows(
    x: number,
    xStride: number,
    p: number,
    pStride: number,
    out: number,
    outStride: number,
    rows: number,
    size: number,
  ): void;
  rowSum(x: number, out: number, rows: number, size: number): void;
  rowL1(x: number, out: number, rows: number, size: number): void;
  rowSumSquare(x: number, out: number, rows: number, size: number): void;
  rowMin(x: number, out: number, rows: number, size: number): void;
  rowMax(x: number, out: number, rows: number, size: number): void;
  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void;
}

/** Rows that backward adds up down their columns at a time: a batch is split between calls at multiples of it only. */
export const ROW_BLOCK = 2;

/** Bytes of `columns`, for the sums down `size` columns. */
export function columnsBytes(size: number): number {
  return 24 * 4 * Math.ceil(size / 4);
}
