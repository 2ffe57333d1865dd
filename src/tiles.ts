/**
 * How batches pass through the scratch area: as many rows at a time as stay in cache, so that linear memory does not
 * grow with the batch.
 */
import { aligned } from "./memory.js";

/** Bytes of one host array in linear memory at a time: two such tiles stay in a second-level cache. */
const TILE_BYTES = 2 ** 17;

/** Rows at a time of a batch that lies in linear memory: only its statistics pass through the scratch area. */
const TILE_ROWS = 4096;

/** Rows in a tile: one block of rows or more, and a whole number of blocks. */
export function tileRows(rows: number, size: number, resident: boolean, block: number): number {
  const most = resident ? TILE_ROWS : Math.floor(TILE_BYTES / (size * 4));
  return Math.min(rows, Math.max(most - (most % block), block));
}

/** Parts of the scratch area, one after the other: offsets first, one allocation when all of them are known. */
export class Layout {
  bytes = 0;

  take(bytes: number): number {
    const start = this.bytes;
    this.bytes += aligned(bytes);
    return start;
  }
}
