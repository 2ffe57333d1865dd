/**
 * How batches pass through the scratch area: as many rows at a time as stay in cache, so that linear memory does not
 * grow with the batch.
 */
import { aligned } from "./memory.js";
import type { Operand } from "./operand.js";

/** Where rows pass through the scratch area: as the f32 that kernels work on, and as 16-bit elements. */
export interface Tile {
  f32: number;
  bits: number;
}

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

/** What a call's tiles come to where nothing passes through them. */
const NONE: Tile = { f32: 0, bits: 0 };

/** Room for `rows` rows of any of the operands, one after the other; with `always`, even if all are used in place. */
export function takeTile(layout: Layout, rows: number, operands: readonly Operand[], always = false): Tile {
  const [first] = operands;
  if (first === undefined || !(always || operands.some((operand) => !operand.isInPlace))) return NONE;
  const { size } = first;
  const f32 = layout.take(rows * size * 4);
  const bits = layout.take(operands.some((operand) => operand.needsBits) ? rows * size * 2 : 0);
  return { f32, bits };
}

/** A tile of the scratch area that begins at `base`. */
export function placed(tile: Tile, base: number): Tile {
  return { f32: base + tile.f32, bits: base + tile.bits };
}
