/**
 * What the WebAssembly module exports: assembly/index.ts, seen from here.
 *
 * Pointers are byte offsets into linear memory. `call` and `transfer` are blocks there, laid out as layout.ts says and written
 * by call.ts; `from` is the first of the rows to work on, counted from the block's first. What is true or false is 1 or 0.
 * Reductions take contiguous rows of f32, and leave one f64 a row, 8-byte aligned.
 */
export interface Abi {
  isRelaxed(): number;
  alloc(bytes: number): number;
  free(block: number): void;
  /** Returns 1 where y is known to hold no NaN, provided gain and bias are finite. */
  forward(call: number, from: number, rows: number): number;
  /** Finds means and rstds as forward does. */
  statistics(call: number, from: number, rows: number): void;
  backward(call: number, from: number, rows: number): void;
  /** Gives out what backward has summed down the columns: the gradient of the gain, or with `ofBias` of the bias. */
  columnSums(call: number, ofBias: number, out: number, accumulate: number): void;
  widenRows(transfer: number, rows: number): void;
  /** `areNumbers`: the rows hold no NaN, which takes less time. */
  narrowRows(transfer: number, rows: number, areNumbers: number): void;
  addRows(transfer: number, rows: number): void;
  rowSum(x: number, out: number, rows: number, size: number): void;
  rowL1(x: number, out: number, rows: number, size: number): void;
  rowSumSquare(x: number, out: number, rows: number, size: number): void;
  rowMin(x: number, out: number, rows: number, size: number): void;
  rowMax(x: number, out: number, rows: number, size: number): void;
  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void;
}

/** Rows that backward sums down their columns at a time: a batch is split between calls at multiples of it only. */
export const ROW_BLOCK = 2;

/** Bytes of a call's `columns`, for the sums down `size` columns. */
export function columnsBytes(size: number): number {
  return 24 * 4 * Math.ceil(size / 4);
}
