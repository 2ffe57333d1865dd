/**
 * Forward of batches that pass through the scratch area, or that are large: tile by tile. Rows are brought into a tile of f32
 * unless kernels can use them where they lie, the kernel runs, and its results are taken to where they belong.
 */
import type { NormContext } from "./arguments.js";
import {
  type CallFrame,
  writeConstants,
  writeForwardRows,
  writeForwardStrides,
  writeStatistics,
  writeTransfer,
} from "./call.js";
import type { Operand } from "./operand.js";
import { Layout, placed, type Tile, takeTile, tileRows } from "./tiles.js";
import type { RowStats } from "./types.js";

/** The batches of a forward pass, and its parameters. */
export interface ForwardOperands {
  readonly input: Operand;
  readonly gain: Operand | undefined;
  readonly bias: Operand | undefined;
  readonly residual: Operand | undefined;
  readonly sum: Operand | undefined;
  readonly output: Operand;
}

export class TiledForward {
  readonly #context: NormContext;
  readonly #operands: ForwardOperands;
  readonly #frame: CallFrame | undefined;
  /** Rows in a tile. */
  readonly #step: number;
  /** Rows whose statistics have room. Those of many tiles are handed over at a time: they are small. */
  readonly #held: number;
  /** Parts of the scratch area. */
  readonly #bytes: number;
  readonly #means: number;
  readonly #rstds: number;
  readonly #gainTile: Tile;
  readonly #biasTile: Tile;
  readonly #mainTile: Tile;
  readonly #residualTile: Tile;

  /** @param frame where the call's block and its statistics lie; in the scratch area if left out. */
  constructor(context: NormContext, operands: ForwardOperands, frame?: CallFrame) {
    const { input, gain, bias, residual, sum, output } = operands;
    const { rows } = input;
    const { size } = context;
    const isResident = input.isInPlace && output.isInPlace && (residual?.isInPlace ?? true) && (sum?.isInPlace ?? true);
    this.#context = context;
    this.#operands = operands;
    this.#frame = frame;
    this.#step = tileRows(rows, size, isResident, 1);
    this.#held = frame ? rows : tileRows(rows, size, true, this.#step);
    const layout = new Layout();
    this.#means = layout.take(frame ? 0 : this.#held * 8);
    this.#rstds = layout.take(frame ? 0 : this.#held * 8);
    this.#gainTile = takeTile(layout, 1, gain);
    this.#biasTile = takeTile(layout, 1, bias);
    this.#mainTile = takeTile(layout, this.#step, input, output, sum);
    this.#residualTile = takeTile(layout, this.#step, residual, output);
    this.#bytes = layout.bytes;
  }

  /** Runs the kernel on the first `rows` rows, and hands their statistics over if they have no place of their own. */
  run(rows: number, stats?: RowStats): void {
    const { call: name, memory } = this.#context;
    const { input, output, residual, sum } = this.#operands;
    const held = this.#held;
    const base = memory.scratch(name, this.#bytes);
    const { call, means, rstds } = this.#frame ?? {
      call: memory.call,
      means: base + this.#means,
      rstds: base + this.#rstds,
    };
    const areFinite = this.#begin(base, call, means) && output.isRounded;
    const tile = placed(this.#mainTile, base);
    const residualTile = residual ? placed(this.#residualTile, base) : tile;
    // Where the sum is in x's tile until it is handed over, y goes to the residual's.
    const outputTile = output.isRounded ? tile : residualTile;
    for (let row = 0; row < rows; row += this.#step) {
      const count = Math.min(this.#step, rows - row);
      let at = input.read(row, count, tile);
      let residualAt = 0;
      let sumAt = 0;
      if (residual && sum) {
        residualAt = residual.read(row, count, residualTile);
        sumAt = sum.target(row, tile);
        if (sum.isRounded) {
          this.#addRounded(at, residualAt, tile, row, count);
          at = tile.f32;
          residualAt = 0;
        }
      }
      const place = (row % held) * 8;
      writeStatistics(memory, call, means + place, rstds + place);
      writeForwardRows(memory, call, at, residualAt, sumAt, output.target(row, outputTile));
      const areNumbers = memory.abi.forward(call, 0, count);
      if (sum && !sum.isRounded) sum.write(row, count, tile);
      output.write(row, count, outputTile, areFinite && areNumbers === 1);
      const end = row + count;
      if (stats && (end % held === 0 || end === rows)) {
        const start = row - (row % held);
        memory.fetch(stats.mean, start, means, end - start);
        memory.fetch(stats.rstd, start, rstds, end - start);
      }
    }
  }

  /** Writes what is the same for all rows. Returns whether gain and bias are sure to be finite; room for a number is at `at`. */
  #begin(base: number, call: number, at: number): boolean {
    const { memory, constants } = this.#context;
    const { input, gain, bias, residual, sum, output } = this.#operands;
    const gainAt = gain ? gain.read(0, 1, placed(this.#gainTile, base)) : 0;
    const biasAt = bias ? bias.read(0, 1, placed(this.#biasTile, base)) : 0;
    writeConstants(memory, call, constants);
    writeForwardStrides(memory, call, {
      gain: gainAt,
      bias: biasAt,
      x: input.kernelStride,
      residual: residual?.kernelStride ?? 0,
      sum: sum?.kernelStride ?? 0,
      y: output.kernelStride,
    });
    // Rounding is faster where y holds no NaN, for which kernels answer if gain and bias are finite.
    return output.isRounded && input.rows > 0 && this.#isFinite(gainAt, at) && this.#isFinite(biasAt, at);
  }

  /**
   * Puts rows of x + residual, rounded, where they belong, and as rounded into the tile: what is normalised is what the caller
   * gets, and backward finds the same rows.
   */
  #addRounded(x: number, addend: number, tile: Tile, row: number, count: number): void {
    const { memory, size } = this.#context;
    const sum = this.#operands.sum as Operand;
    const stride = sum.kernelStride;
    const [from, to] = [x, tile.f32];
    const strides = { fromStride: stride, addendStride: stride, toStride: stride };
    writeTransfer(memory, { type: 0, from, addend, to, ...strides, size });
    memory.abi.addRows(memory.transfer, count);
    sum.write(row, count, tile);
    sum.read(row, count, tile);
  }

  /** Whether the elements of gain or bias, 0 where absent, are sure to be finite: their sum is. */
  #isFinite(param: number, at: number): boolean {
    const { memory, size } = this.#context;
    if (param === 0) return true;
    memory.abi.rowSum(param, at, 1, size);
    return Number.isFinite(memory.f64[at / 8]);
  }
}
