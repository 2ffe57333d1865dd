/**
 * What the WebAssembly module exports: assembly/index.ts, seen from here.
 *
 * Pointers are byte offsets into linear memory. Batches are `rows x size` f32, row-major; means, rstds and the results of
 * reductions are one f64 a row, 8-byte aligned.
 */
export interface Abi {
  isRelaxed(): number;
  alloc(bytes: number): number;
  free(block: number): void;
  affineForward(
    x: number,
    gain: number,
    bias: number,
    y: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    centred: boolean,
    eps: number,
    epsAtStd: boolean,
    ddof: number,
  ): void;
  adaForward(
    x: number,
    z: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: boolean,
    ddof: number,
    scale: number,
    k: number,
  ): void;
  rowStatistics(
    x: number,
    means: number,
    rstds: number,
    rows: number,
    size: number,
    centred: boolean,
    eps: number,
    epsAtStd: boolean,
    ddof: number,
  ): void;
  affineBackward(
    dy: number,
    x: number,
    gain: number,
    means: number,
    rstds: number,
    dx: number,
    gainSums: number,
    biasSums: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: boolean,
    ddof: number,
    detachMean: boolean,
    detachStd: boolean,
  ): void;
  adaBackward(
    dz: number,
    x: number,
    means: number,
    rstds: number,
    dx: number,
    rows: number,
    size: number,
    eps: number,
    epsAtStd: boolean,
    ddof: number,
    detachMean: boolean,
    detachStd: boolean,
    scale: number,
    k: number,
    detachScale: boolean,
  ): void;
  columnSums(sums: number, out: number, size: number, accumulate: boolean): void;
  rowSum(x: number, out: number, rows: number, size: number): void;
  rowL1(x: number, out: number, rows: number, size: number): void;
  rowSumSquare(x: number, out: number, rows: number, size: number): void;
  rowMin(x: number, out: number, rows: number, size: number): void;
  rowMax(x: number, out: number, rows: number, size: number): void;
  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void;
}

/** Rows that backward adds up in one go: a batch is split between calls at multiples of it only. */
export const ROW_BLOCK = 4;
