/**
 * How batches pass through the scratch area: as many rows at a time as stay in cache, so that linear memory does not
 * grow with the batch.
 */
import { aligned } from "./memory.js";

/** Where rows pass through the scratch area: as the f32 that kernels work on, and as 16-bit elements. */
export interface Tile {
  f32: number;
  bits: number;
}

/** Bytes of one host array in linear memory at a time: two such tiles stay in a second-level cache. */
const TILE_BYTES = 2 ** 17;

/** Rows at a time of a batch that lies in linear memory: only its statistics pass through the scratch area. */
export const TILE_ROWS = 4096;

/** Rows in a tile: a whole number of blocks of rows, 1 at the least, or all rows where they are fewer; 0 of none. */
export function tileRows(rows: number, size: number, resident: boolean, block: number): number {
  // The block is a tile itself where tiles of statistics are made of tiles of rows: it has no rows then either.
  if (rows === 0) return 0;
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

/** What may pass through a tile: a batch, as far as tiles are concerned. */
export interface Passing {
  /** Elements in a row. */
  readonly size: number;
  /** Whether kernels use it where it lies. */
  readonly isInPlace: boolean;
  /** Whether its rows pass through 16 bits of the scratch area. */
  readonly needsBits: boolean;
}

/** What a tile comes to where nothing passes through it. */
const NONE: Tile = { f32: 0, bits: 0 };

/** Room for `rows` rows of any of the operands, one after the other; with `always`, even if all are used in place. */
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

/** A tile of the scratch area that begins at `base`. */
export function placed(tile: Tile, base: number): Tile {
  return tile === NONE ? NONE : { f32: base + tile.f32, bits: base + tile.bits };
}
