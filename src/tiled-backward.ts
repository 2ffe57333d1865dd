/** Runs backward tile by tile, for batches that are large or not in linear memory as f32, like tiled-forward.ts. */
import { columnsBytes, ROW_BLOCK, totalsBytes } from "./abi.js";
import type { NormContext } from "./arguments.js";
import {
  type CallFrame,
  writeBackwardRows,
  writeBackwardStrides,
  writeConstants,
  writeSample,
  writeSampleGradients,
  writeStatistics,
  writeTransfer,
} from "./call.js";
import type { LinearMemory } from "./memory.js";
import type { Operand } from "./operand.js";
import type { Channels } from "./options.js";
import { areResident, clearSamples, GradientTiles, mostSamples, ParamTiles, samplesIn } from "./params.js";
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
  /** How many samples have a gain and a bias of their own. */
  readonly samples: number;
  /** The rows of a sample, or 0 if there is only one. */
  readonly rowsPerGain: number;
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

/** The bytes for the sums of the rows' channels: as many rows as have room go at a time, but one at least. */
const CHANNEL_SUMS_BYTES = 2 ** 17;

/** The bytes that a call needs for its sums and for their totals, which follow these, and the most rows that may go at a time. */
export interface Sums {
  readonly columns: number;
  readonly totals: number;
  readonly rows: number;
}

/** What a call without gradients of gain and bias needs. */
export const NO_SUMS: Sums = { columns: 0, totals: 0, rows: Number.POSITIVE_INFINITY };

export function sumsOf({ channels, size }: NormContext, operands: BackwardOperands): Sums {
  return hasSums(operands) ? sumsFor(size, operands.input.rows, channels) : NO_SUMS;
}

/** The same for a batch of `rows` rows whose gain and bias have gradients. */
export function sumsFor(size: number, rows: number, channels: Channels | undefined): Sums {
  if (channels === undefined) {
    return { columns: columnsBytes(size), totals: totalsBytes(size, rows), rows: Number.POSITIVE_INFINITY };
  }
  const rowBytes = 16 * (channels.channels / channels.groups);
  const most = Math.max(1, Math.floor(CHANNEL_SUMS_BYTES / rowBytes));
  return { columns: rowBytes * Math.min(rows, most), totals: 16 * channels.channels, rows: most };
}

/** The addresses of the sums and of their totals; 0 if none are needed. */
export function sumsAt({ columns, totals }: Sums, address: number): { columns: number; totals: number } {
  return { columns: columns > 0 ? address : 0, totals: totals > 0 ? address + columns : 0 };
}

/** Whether the sums of columns, if there are any, are made of those of each row. */
function rowsAreApart({ channels }: NormContext, operands: BackwardOperands): boolean {
  return channels !== undefined || !hasSums(operands);
}

/** Runs the kernel on the first `rows` rows of a block. */
export function runRows({ memory, size, channels }: NormContext, call: number, rows: number, sums: Sums): void {
  memory.kernelsFor(rows * size).backward(call, 0, rows);
  if (channels && sums.totals > 0) memory.abi.channelSums(call, 0, rows);
}

/** Sets the gradients of samples to zeros that the first `rows` rows do not reach. What is added to, they leave as it is. */
export function clearUnreached(memory: LinearMemory, operands: BackwardOperands, rows: number): void {
  const { rowsPerGain, dGain, dBias, accumulate } = operands;
  if (!accumulate) clearSamples(memory, rows === 0 ? 0 : Math.ceil(rows / rowsPerGain), dGain, dBias);
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
  readonly #sums: Sums;
  readonly #params: ParamTiles;
  readonly #gradients: GradientTiles;
  readonly #inputTile: Tile;
  readonly #mainTile: Tile;
  readonly #dSumTile: Tile;

  /** @param frame the block, statistics and column sums of a prepared call. Default: all of them in the scratch area. */
  constructor(context: NormContext, operands: BackwardOperands, frame?: BackwardFrame) {
    const { upstream, input, gain, rowsPerGain, dSum, dx, dGain, dBias, accumulate } = operands;
    const { memory, size } = context;
    this.#sums = sumsOf(context, operands);
    const isResident =
      upstream.isInPlace &&
      input.isInPlace &&
      dx?.isInPlace === true &&
      !dSum &&
      areResident(rowsPerGain, gain, dGain, dBias);
    this.#context = context;
    this.#operands = operands;
    this.#frame = frame;
    const block = rowsAreApart(context, operands) ? 1 : ROW_BLOCK;
    const step = Math.min(tileRows(upstream.rows, size, isResident, block), this.#sums.rows);
    // Tiles of whole samples, or of one.
    this.#step = rowsPerGain > 0 && step > rowsPerGain ? step - (step % rowsPerGain) : step;
    const samples = mostSamples(this.#step, rowsPerGain);
    const layout = new Layout();
    this.#means = layout.take(frame ? 0 : this.#step * 8);
    this.#rstds = layout.take(frame ? 0 : this.#step * 8);
    this.#columns = layout.take(frame ? 0 : this.#sums.columns + this.#sums.totals);
    this.#params = new ParamTiles(memory, { gain, bias: undefined, rowsPerGain }, layout, this.#step);
    this.#gradients = new GradientTiles(dGain, dBias, accumulate, layout, samples);
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
    const { upstream, input, samples, rowsPerGain, dSum, dx, dGain, dBias, accumulate } = this.#operands;
    const base = memory.scratch(name, this.#bytes);
    const frame = this.#frame ?? {
      call: memory.call,
      means: base + this.#means,
      rstds: base + this.#rstds,
      columns: base + this.#columns,
      hasStats: false,
    };
    const { call, columns } = frame;
    const sums = this.#sums;
    writeConstants(memory, call, constants);
    writeBackwardStrides(memory, call, {
      gain: 0,
      rowsPerGain,
      accumulate,
      ...sumsAt(sums, columns),
      dy: upstream.kernelStride,
      x: input.kernelStride,
      dx: dx && !dSum ? dx.kernelStride : size * 4,
    });
    if (sums.columns + sums.totals > 0) memory.clear(columns, sums.columns + sums.totals);
    this.#params.begin(base);
    const step = this.#step;
    for (let row = 0; row < rows; ) {
      const left = step < rowsPerGain ? rowsPerGain - (row % rowsPerGain) : step;
      const count = Math.min(step, left, rows - row);
      this.#runTile(frame, base, row, count, row + count === rows);
      row += count;
    }
    if (samples !== 1) {
      clearUnreached(memory, this.#operands, rows);
      return;
    }
    const [dGainAt, dBiasAt] = this.#gradients.target(0, 1, base);
    if (dGain) memory.abi.columnSums(call, 0, dGainAt, accumulate ? 1 : 0);
    if (dBias) memory.abi.columnSums(call, 1, dBiasAt, accumulate ? 1 : 0);
    this.#gradients.write(0, 1, base);
  }

  #runTile(frame: BackwardFrame, base: number, row: number, count: number, isLast: boolean): void {
    const { memory } = this.#context;
    const { upstream, input, stats, rowsPerGain, dSum, dx } = this.#operands;
    const { abi } = memory;
    const tile = placed(this.#mainTile, base);
    const xAt = input.read(row, count, placed(this.#inputTile, base));
    const dyAt = upstream.read(row, count, tile);
    const dxAt = dx && !dSum ? dx.target(row, tile) : tile.f32;
    // A frame holds the statistics of all rows, the scratch area those of one tile.
    const place = this.#frame ? row * 8 : 0;
    const [means, rstds] = [frame.means + place, frame.rstds + place];
    const first = rowsPerGain === 0 ? row : row % rowsPerGain;
    this.#params.read(row, count);
    writeStatistics(memory, frame.call, means, rstds);
    writeSample(memory, frame.call, first, this.#params.gain, 0);
    writeBackwardRows(memory, frame.call, dyAt, xAt, dxAt, first);
    if (stats) {
      memory.place(stats.mean, row, means, count);
      memory.place(stats.rstd, row, rstds, count);
    } else if (!frame.hasStats) {
      abi.statistics(frame.call, 0, count);
    }
    if (rowsPerGain > 0) this.#runSamples(frame.call, base, row, count, isLast);
    else runRows(this.#context, frame.call, count, this.#sums);
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

  /** Runs the kernel on a tile, which writes the gradients of the samples that end in it, or with the last row of all. */
  #runSamples(call: number, base: number, row: number, count: number, isLast: boolean): void {
    const { memory } = this.#context;
    const { rowsPerGain } = this.#operands;
    const end = row + count;
    const [from, to] = samplesIn(row, count, rowsPerGain);
    const ended = isLast ? to : Math.floor(end / rowsPerGain);
    const [dGain, dBias] = this.#gradients.target(from, ended, base);
    writeSampleGradients(memory, call, dGain, dBias);
    memory.abi.backward(call, 0, count);
    if (isLast && end % rowsPerGain > 0) memory.abi.sampleSums(call, ended - 1 - from);
    this.#gradients.write(from, ended, base);
  }
}
