/** Makes the arrays in which a call returns its statistics. */
import type { RowStats } from "./types.js";

/** Engines store a typed array of up to this many f64 in its object. For a larger one, a new buffer takes about 1 us. */
const SMALL_ROWS = 8;
/** Arrays up to this length may share a buffer with those of other calls. */
const POOLED_ROWS = 64;
const POOL_BYTES = 2 ** 14;

let pool = new ArrayBuffer(0);
let used = 0;

/** Makes two arrays of `rows` zeros each. If `pooled`, arrays of a few dozen rows share a buffer with earlier ones. */
export function makeStats(rows: number, pooled: boolean): RowStats {
  if (!pooled || rows <= SMALL_ROWS || rows > POOLED_ROWS) {
    return { mean: new Float64Array(rows), rstd: new Float64Array(rows) };
  }
  const bytes = rows * Float64Array.BYTES_PER_ELEMENT;
  // A buffer that was transferred away has 0 bytes, so it is replaced here too.
  if (used + 2 * bytes > pool.byteLength) {
    pool = new ArrayBuffer(POOL_BYTES);
    used = 0;
  }
  const start = used;
  used += 2 * bytes;
  return { mean: new Float64Array(pool, start, rows), rstd: new Float64Array(pool, start + bytes, rows) };
}
