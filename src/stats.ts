/** The arrays that a call gives its statistics in. */
import type { RowStats } from "./types.js";

/** Engines keep typed arrays up to this size with their objects; beyond it, each new buffer costs about a microsecond. */
const SMALL_ROWS = 8;
/** Up to here the arrays of several calls share a buffer. */
const POOLED_ROWS = 64;
const POOL_BYTES = 2 ** 14;

let pool = new ArrayBuffer(0);
let used = 0;

/** Two arrays of `rows` zeros each. With `pooled`, for batches of some rows, they may share a buffer with earlier ones. */
export function makeStats(rows: number, pooled: boolean): RowStats {
  if (!pooled || rows <= SMALL_ROWS || rows > POOLED_ROWS) {
    return { mean: new Float64Array(rows), rstd: new Float64Array(rows) };
  }
  const bytes = rows * Float64Array.BYTES_PER_ELEMENT;
  // A buffer that was transferred away has no bytes left.
  if (used + 2 * bytes > pool.byteLength) {
    pool = new ArrayBuffer(POOL_BYTES);
    used = 0;
  }
  const start = used;
  used += 2 * bytes;
  return { mean: new Float64Array(pool, start, rows), rstd: new Float64Array(pool, start + bytes, rows) };
}
