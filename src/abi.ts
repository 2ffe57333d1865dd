/**
 * The exports of the WebAssembly module, which assembly/index.ts defines.
 *
 * Addresses are byte offsets into linear memory. `call` and `transfer` are addresses of blocks, which call.ts writes in the
 * layout of layout.ts. `from` is the first row to work on; row 0 is the first row of the block. Booleans are 1 or 0.
 * Reductions read contiguous rows of f32 and write one f64 for each row, 8-byte aligned.
 */
export interface Abi {
  isRelaxed(): number;
  alloc(bytes: number): number;
  free(block: number): void;
  /** Sets bytes to zero. */
  clear(pointer: number, bytes: number): void;
  /** Returns 1 only if y holds no NaN, provided that gain and bias are finite. */
  forward(call: number, from: number, rows: number): number;
  /** Writes means and rstds, the same as forward does. */
  statistics(call: number, from: number, rows: number): void;
  backward(call: number, from: number, rows: number): void;
  /** Writes the sums that backward has made down the columns: the gradient of the gain or, if `ofBias`, of the bias. */
  columnSums(call: number, ofBias: number, out: number, accumulate: number): void;
  /** Adds the sums that backward has left for each row's channels to the totals of these channels. */
  channelSums(call: number, from: number, rows: number): void;
  /** Writes the gradients of one sample's gain and bias, if its last row is not among those that backward has had. */
  sampleSums(call: number, sample: number): void;
  /** Adds the sums of one stripe of rows, which another call has made, to the totals of this one. */
  mergeStripe(call: number, stripe: number): void;
  widenRows(transfer: number, from: number, rows: number): void;
  /** `areNumbers` promises that the rows hold no NaN, which makes this faster. */
  narrowRows(transfer: number, from: number, rows: number, areNumbers: number): void;
  addRows(transfer: number, from: number, rows: number): void;
  rowSum(x: number, out: number, rows: number, size: number): void;
  rowL1(x: number, out: number, rows: number, size: number): void;
  rowSumSquare(x: number, out: number, rows: number, size: number): void;
  rowMin(x: number, out: number, rows: number, size: number): void;
  rowMax(x: number, out: number, rows: number, size: number): void;
  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void;
  /** Writes rows as bytes, and one scale for each: `scale` or, if that is 0, the row's own. */
  rowInt8(x: number, values: number, scales: number, rows: number, size: number, scale: number): void;
  /** Writes rows as bits, each in whole bytes. */
  rowBits(x: number, out: number, rows: number, size: number): void;
}

/** Kernels that share rows among threads. */
export interface SharingAbi extends Abi {
  /** The kernels of the calling thread. */
  readonly alone: Abi;
  /** A call on fewer elements is not shared, and spares itself the question. */
  readonly least: number;
}

/** Backward sums columns over blocks of this many rows. Split a batch into several calls only at multiples of it. */
export const ROW_BLOCK = 2;

/**
 * Backward sums the columns of each stripe of this many rows apart from those of others, and adds the stripes in order. So threads
 * can sum them, and the sums are the same bytes for any number of threads.
 */
export const STRIPE_ROWS = 64;

/** The bytes of the field `columns` of a call, for rows of `size` elements. */
export function columnsBytes(size: number): number {
  return 24 * 4 * Math.ceil(size / 4);
}

/** The bytes of the field `totals` of a call: 0 for a batch of one stripe. */
export function totalsBytes(size: number, rows: number): number {
  return rows > STRIPE_ROWS ? 16 * 4 * Math.ceil(size / 4) : 0;
}
