/**
 * The tiles in which batches pass through the scratch area. A tile has as many rows as stay in cache, so linear memory does
 * not grow with the batch.
 */
import { aligned } from "./memory.js";

/** The offsets or addresses of a tile: for rows as f32, which kernels work on, and for rows as 16-bit elements. */
export interface Tile {
  f32: number;
  bits: number;
}

/** Bytes of a tile of f32. Two such tiles stay in a second-level cache. */
export const TILE_BYTES = 2 ** 17;

/** Rows in a tile of a batch that kernels use in place: only its statistics pass through the scratch area. */
export const TILE_ROWS = 4096;

/** Rows in a tile: a multiple of `block`, at least one block, but not more than all rows. */
export function tileRows(rows: number, size: number, resident: boolean, block: number): number {
  // A block may be the result of another call of this function, 0 for an empty batch: do not divide by it.
  if (rows === 0) return 0;
  const most = resident ? TILE_ROWS : Math.floor(TILE_BYTES / (size * 4));
  return Math.min(rows, Math.max(most - (most % block), block));
}

/** Lays out contiguous parts of the scratch area: gives their offsets first, then the bytes to allocate for all of them. */
export class Layout {
  /** Bytes of all parts so far. */
  bytes = 0;

  /** Adds a part, and returns its offset. */
  take(bytes: number): number {
    const start = this.bytes;
    this.bytes += aligned(bytes);
    return start;
  }
}

/** What a tile needs to know about a batch that may pass through it. */
export interface Passing {
  /** Elements in a row. */
  readonly size: number;
  /** Whether kernels use the elements in place. */
  readonly isInPlace: boolean;
  /** Whether its rows pass through the scratch area as 16-bit elements. */
  readonly needsBits: boolean;
}

/** The tile of batches that are all used in place. */
const NONE: Tile = { f32: 0, bits: 0 };

/**
 * Takes a tile of `rows` rows, which the operands use one after another. With `always`, takes it even if all are in place.
 */
export function takeTile(
  layout: Layout,
  rows: number,
  first: Passing | undefined,
  second?: Passing,
  third?: Passing,
  always = false,
): Tile {
  if (first === undefined) return NONE;
  if (!always && first.isInPlace && (second?.isInPlace ?? true) && (third?.isInPlace ?? true)) return NONE;
  const elements = rows * first.size;
  const f32 = layout.take(elements * 4);
  const needsBits = first.needsBits || second?.needsBits || third?.needsBits;
  return { f32, bits: needsBits ? layout.take(elements * 2) : 0 };
}

/** The addresses of a tile, for a scratch area that begins at `base`. */
export function placed(tile: Tile, base: number): Tile {
  return tile === NONE ? NONE : { f32: base + tile.f32, bits: base + tile.bits };
}
