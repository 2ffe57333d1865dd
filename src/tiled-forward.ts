/**
 * Runs forward tile by tile, for batches that are large or not in linear memory as f32. For each tile: copies rows into the
 * scratch area unless kernels can use them in place, runs the kernel, and copies the results out.
 */
import type { NormContext } from "./arguments.js";
import {
  type CallFrame,
  writeConstants,
  writeForwardRows,
  writeForwardStrides,
  writeSample,
  writeStatistics,
  writeTransfer,
} from "./call.js";
import type { Operand } from "./operand.js";
import { areResident, type Params, ParamTiles } from "./params.js";
import { Layout, placed, type Tile, takeTile, tileRows } from "./tiles.js";
import type { RowStats } from "./types.js";

/** The operands of a forward pass. */
export interface ForwardOperands extends Params {
  readonly input: Operand;
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
  /** The number of rows whose statistics have room. They are small, so those of many tiles are copied out at once. */
  readonly #held: number;
  /** The parts of the scratch area, as byte offsets. */
  readonly #bytes: number;
  readonly #means: number;
  readonly #rstds: number;
  readonly #params: ParamTiles;
  readonly #mainTile: Tile;
  readonly #residualTile: Tile;

  /** @param frame the block and statistics of a prepared call. Default: both in the scratch area. */
  constructor(context: NormContext, operands: ForwardOperands, frame?: CallFrame) {
    const { input, gain, bias, rowsPerGain, residual, sum, output } = operands;
    const { rows } = input;
    const { memory, size } = context;
    const isResident =
      input.isInPlace &&
      output.isInPlace &&
      (residual?.isInPlace ?? true) &&
      (sum?.isInPlace ?? true) &&
      areResident(rowsPerGain, gain, bias);
    this.#context = context;
    this.#operands = operands;
    this.#frame = frame;
    this.#step = tileRows(rows, size, isResident, 1);
    this.#held = frame ? rows : tileRows(rows, size, true, this.#step);
    const layout = new Layout();
    this.#means = layout.take(frame ? 0 : this.#held * 8);
    this.#rstds = layout.take(frame ? 0 : this.#held * 8);
    this.#params = new ParamTiles(memory, operands, layout, this.#step);
    this.#mainTile = takeTile(layout, this.#step, input, output, sum);
    this.#residualTile = takeTile(layout, this.#step, residual, output);
    this.#bytes = layout.bytes;
  }

  /** Runs the kernel on the first `rows` rows, and copies their statistics to `stats` if it is given. */
  run(rows: number, stats?: RowStats): void {
    const { call: name, memory } = this.#context;
    const { input, output, rowsPerGain, residual, sum } = this.#operands;
    const params = this.#params;
    const held = this.#held;
    const base = memory.scratch(name, this.#bytes);
    const { call, means, rstds } = this.#frame ?? {
      call: memory.call,
      means: base + this.#means,
      rstds: base + this.#rstds,
    };
    this.#begin(base, call);
    // Rounding is faster if y is known to hold no NaN, and the kernel can tell that only if gain and bias are finite.
    let areFinite = false;
    const tile = placed(this.#mainTile, base);
    const residualTile = residual ? placed(this.#residualTile, base) : tile;
    // An f32 sum stays in x's tile until it is copied out, so y goes to the residual's tile.
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
      if (params.read(row, count)) areFinite = output.isRounded && params.areFinite(means + place);
      writeSample(memory, call, rowsPerGain === 0 ? row : row % rowsPerGain, params.gain, params.bias);
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

  /** Writes the fields of the block that are the same for all tiles. */
  #begin(base: number, call: number): void {
    const { memory, constants } = this.#context;
    const { input, rowsPerGain, residual, sum, output } = this.#operands;
    this.#params.begin(base);
    writeConstants(memory, call, constants);
    writeForwardStrides(memory, call, {
      gain: 0,
      bias: 0,
      rowsPerGain,
      x: input.kernelStride,
      residual: residual?.kernelStride ?? 0,
      sum: sum?.kernelStride ?? 0,
      y: output.kernelStride,
    });
  }

  /**
   * Writes rows of x + residual to the sum, rounded, and reads the rounded rows back into the tile. So forward normalises
   * the same rows that the caller gets, and that backward reads.
   */
  #addRounded(x: number, addend: number, tile: Tile, row: number, count: number): void {
    const { memory, size } = this.#context;
    const sum = this.#operands.sum as Operand;
    const stride = sum.kernelStride;
    const [from, to] = [x, tile.f32];
    const strides = { fromStride: stride, addendStride: stride, toStride: stride };
    writeTransfer(memory, { type: 0, from, addend, to, ...strides, size });
    memory.abi.addRows(memory.transfer, 0, count);
    sum.write(row, count, tile);
    sum.read(row, count, tile);
  }
}
