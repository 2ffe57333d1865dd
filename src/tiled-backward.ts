/** Runs backward tile by tile, for batches that are large or not in linear memory as f32, like tiled-forward.ts. */
import { columnsBytes, ROW_BLOCK, totalsBytes } from "./abi.js";
import type { NormContext } from "./arguments.js";
import {
  type CallFrame,
  writeBackwardRows,
  writeBackwardStrides,
  writeConstants,
  writeStatistics,
  writeTransfer,
} from "./call.js";
import type { Operand } from "./operand.js";
import { Layout, placed, type Tile, takeTile, tileRows } from "./tiles.js";
import type { RowStats } from "./types.js";

/** The operands of a backward pass. */
export interface BackwardOperands {
  /** The upstream gradient dy. */
  readonly upstream: Operand;
  readonly input: Operand;
  /** The statistics of forward. If undefined, they are found again from the input. */
  readonly stats: RowStats | undefined;
  readonly gain: Operand | undefined;
  readonly dSum: Operand | undefined;
  /** Undefined if only the gradients of gain and bias are wanted. */
  readonly dx: Operand | undefined;
  readonly dGain: Operand | undefined;
  readonly dBias: Operand | undefined;
  readonly accumulate: boolean;
}

/** The addresses of the block of a call, of the statistics of its rows, and of its sums down the columns. */
export interface BackwardFrame extends CallFrame {
  readonly columns: number;
  /** Whether the statistics are already at their addresses. */
  readonly hasStats: boolean;
}

/** Whether a gradient of gain or bias is needed, and so sums down the columns. */
export function hasSums({ dGain, dBias }: BackwardOperands): boolean {
  return dGain !== undefined || dBias !== undefined;
}

/** The address of the totals of column sums, which follow these; 0 if none are needed. */
export function totalsOf(operands: BackwardOperands, columns: number): number {
  const { rows, size } = operands.input;
  return hasSums(operands) && totalsBytes(size, rows) > 0 ? columns + columnsBytes(size) : 0;
}

export class TiledBackward {
  readonly #context: NormContext;
  readonly #operands: BackwardOperands;
  readonly #frame: BackwardFrame | undefined;
  /** Rows in a tile. */
  readonly #step: number;
  /** The parts of the scratch area, as byte offsets. */
  readonly #bytes: number;
  readonly #means: number;
  readonly #rstds: number;
  readonly #columns: number;
  readonly #gainTile: Tile;
  readonly #columnTile: Tile;
  readonly #inputTile: Tile;
  readonly #mainTile: Tile;
  readonly #dSumTile: Tile;

  /** @param frame the block, statistics and column sums of a prepared call. Default: all of them in the scratch area. */
  constructor(context: NormContext, operands: BackwardOperands, frame?: BackwardFrame) {
    const { upstream, input, gain, dSum, dx, dGain, dBias } = operands;
    const { size } = context;
    const sums = hasSums(operands);
    const isResident = upstream.isInPlace && input.isInPlace && dx?.isInPlace === true && !dSum;
    this.#context = context;
    this.#operands = operands;
    this.#frame = frame;
    this.#step = tileRows(upstream.rows, size, isResident, sums ? ROW_BLOCK : 1);
    const layout = new Layout();
    this.#means = layout.take(frame ? 0 : this.#step * 8);
    this.#rstds = layout.take(frame ? 0 : this.#step * 8);
    this.#columns = layout.take(sums && !frame ? columnsBytes(size) + totalsBytes(size, upstream.rows) : 0);
    this.#gainTile = takeTile(layout, 1, gain);
    this.#columnTile = takeTile(layout, 1, dGain ?? dBias, dBias);
    this.#inputTile = takeTile(layout, this.#step, input);
    // With dSum, the kernel writes dx into the tile: dx may be dSum itself, which is still to be read. Without a place for dx it
    // stays in the tile: the kernel makes it together with the sums of the columns.
    this.#mainTile = takeTile(layout, this.#step, upstream, dx, undefined, dSum !== undefined || dx === undefined);
    this.#dSumTile = takeTile(layout, this.#step, dSum);
    this.#bytes = layout.bytes;
  }

  /** Runs the kernel on the first `rows` rows, and writes the gradients of gain and bias. */
  run(rows: number): void {
    const { call: name, memory, constants, size } = this.#context;
    const { upstream, input, gain, dSum, dx, dGain, dBias } = this.#operands;
    const base = memory.scratch(name, this.#bytes);
    const frame = this.#frame ?? {
      call: memory.call,
      means: base + this.#means,
      rstds: base + this.#rstds,
      columns: base + this.#columns,
      hasStats: false,
    };
    const { call, columns } = frame;
    const sums = hasSums(this.#operands);
    writeConstants(memory, call, constants);
    writeBackwardStrides(memory, call, {
      gain: gain ? gain.read(0, 1, placed(this.#gainTile, base)) : 0,
      columns: sums ? columns : 0,
      totals: totalsOf(this.#operands, columns),
      dy: upstream.kernelStride,
      x: input.kernelStride,
      dx: dx && !dSum ? dx.kernelStride : size * 4,
    });
    if (sums) memory.clear(columns, columnsBytes(size) + totalsBytes(size, upstream.rows));
    for (let row = 0; row < rows; row += this.#step) this.#runTile(frame, base, row, Math.min(this.#step, rows - row));
    if (dGain) this.#giveOut(call, base, 0, dGain);
    if (dBias) this.#giveOut(call, base, 1, dBias);
  }

  #runTile(frame: BackwardFrame, base: number, row: number, count: number): void {
    const { memory } = this.#context;
    const { upstream, input, stats, dSum, dx } = this.#operands;
    const { abi } = memory;
    const tile = placed(this.#mainTile, base);
    const xAt = input.read(row, count, placed(this.#inputTile, base));
    const dyAt = upstream.read(row, count, tile);
    const dxAt = dx && !dSum ? dx.target(row, tile) : tile.f32;
    // A frame holds the statistics of all rows, the scratch area those of one tile.
    const place = this.#frame ? row * 8 : 0;
    const [means, rstds] = [frame.means + place, frame.rstds + place];
    writeStatistics(memory, frame.call, means, rstds);
    writeBackwardRows(memory, frame.call, dyAt, xAt, dxAt, row);
    if (stats) {
      memory.place(stats.mean, row, means, count);
      memory.place(stats.rstd, row, rstds, count);
    } else if (!frame.hasStats) {
      abi.statistics(frame.call, 0, count);
    }
    abi.backward(frame.call, 0, count);
    if (dx && dSum) this.#addSum(dx, dSum.read(row, count, placed(this.#dSumTile, base)), tile, row, count);
    dx?.write(row, count, tile);
  }

  /** Adds rows of dSum to those of dx in the tile, and writes the sums to dx. */
  #addSum(dx: Operand, addend: number, tile: Tile, row: number, count: number): void {
    const { memory, size } = this.#context;
    const { dSum } = this.#operands;
    const [from, to] = [tile.f32, dx.target(row, tile)];
    const strides = { fromStride: size * 4, addendStride: (dSum as Operand).kernelStride, toStride: dx.kernelStride };
    writeTransfer(memory, { type: 0, from, addend, to, ...strides, size });
    memory.abi.addRows(memory.transfer, 0, count);
  }

  /** Writes the column sums, rounded, to the gradient of gain or bias, or adds them to it. */
  #giveOut(call: number, base: number, ofBias: 0 | 1, to: Operand): void {
    const { memory } = this.#context;
    const { accumulate } = this.#operands;
    const tile = placed(this.#columnTile, base);
    const at = accumulate ? to.read(0, 1, tile) : to.target(0, tile);
    memory.abi.columnSums(call, ofBias, at, accumulate ? 1 : 0);
    to.write(0, 1, tile);
  }
}
