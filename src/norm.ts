import { type Abi, columnsBytes, ROW_BLOCK } from "./abi.js";
import { checkBoolean, checkOptions, checkStat, typeError } from "./checks.js";
import { LinearMatrix } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { bindNorm, type NormKernels, type NormName } from "./norms.js";
import { checkApart, checkColumn, checkLike, checkRows, Operand, type Span, spanOf } from "./operand.js";
import { makeStats } from "./stats.js";
import { Layout, tileRows } from "./tiles.js";
import type {
  AdaNormOptions,
  Backward,
  Forward,
  HostArray,
  Matrix,
  Norm,
  Params,
  RowStats,
  StatsOptions,
} from "./types.js";

/**
 * The path of the data, the same for every norm: check all arguments; take all memory that is needed; then, tile by
 * tile, place the rows, run the kernel, hand the results over. Nothing is written before that last step, which does not
 * fail.
 */
export class LinearNorm implements Norm {
  readonly size: number;
  readonly #name: string;
  readonly #forward: string;
  readonly #backward: string;
  readonly #memory: LinearMemory;
  readonly #hasParams: boolean;
  readonly #kernels: NormKernels;
  readonly #columnSums: Abi["columnSums"];

  constructor(abi: Abi, memory: LinearMemory, name: NormName, options: StatsOptions | AdaNormOptions) {
    const { size, hasParams, kernels } = bindNorm(abi, name, options);
    this.size = size;
    this.#name = name;
    this.#forward = `${name}.forward`;
    this.#backward = `${name}.backward`;
    this.#memory = memory;
    this.#hasParams = hasParams;
    this.#kernels = kernels;
    this.#columnSums = abi.columnSums;
  }

  forward<T extends HostArray | Matrix>(x: T, options: Params<T> & { out?: T | undefined } = {}): Forward<T> {
    const call = this.#forward;
    const memory = this.#memory;
    const { size } = this;
    checkOptions(call, options);
    const input = new Operand(call, "x", x, memory);
    const rows = checkRows(call, input, size);
    const gain = this.#param(call, "gain", options.gain);
    const bias = this.#param(call, "bias", options.bias);
    const given = this.#given(call, "out", options.out, input);
    if (given) {
      checkApart(call, given, input, true);
      checkApart(call, given, gain);
      checkApart(call, given, bias);
    }

    const [mean, rstd] = makeStats(rows, input.isMatrix);
    const made: LinearMatrix[] = [];
    try {
      const output = given ?? this.#make(call, "y", input.isMatrix, rows, made);
      const resident = input.isResident && output.isResident;
      const step = tileRows(rows, size, resident, 1);
      const layout = new Layout();
      const means = layout.take(step * 8);
      const rstds = layout.take(step * 8);
      const gainColumn = layout.take(gain ? size * 4 : 0);
      const biasColumn = layout.take(bias ? size * 4 : 0);
      const tile = layout.take(resident ? 0 : step * size * 4);
      const base = memory.scratch(call, layout.bytes);

      const gainAt = gain ? gain.read(0, size, base + gainColumn) : 0;
      const biasAt = bias ? bias.read(0, size, base + biasColumn) : 0;
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        const start = row * size;
        const length = count * size;
        const xAt = input.read(start, length, base + tile);
        const yAt = output.target(start, base + tile);
        this.#kernels.forward(xAt, size * 4, gainAt, biasAt, yAt, size * 4, base + means, base + rstds, count);
        output.write(start, length, base + tile);
        memory.fetch(mean, row, base + means, count);
        memory.fetch(rstd, row, base + rstds, count);
      }
      return { y: output.result() as T, mean, rstd };
    } catch (error) {
      for (const matrix of made) matrix.free();
      throw error;
    } finally {
      memory.release();
    }
  }

  backward<T extends HostArray | Matrix>(
    dy: T,
    x: T,
    stats?: RowStats,
    options: Params<T> & { out?: Partial<Backward<T>> | undefined; accumulate?: boolean | undefined } = {},
  ): Backward<T> {
    const call = this.#backward;
    const memory = this.#memory;
    const { size } = this;
    checkOptions(call, options);
    const upstream = new Operand(call, "dy", dy, memory);
    const rows = checkRows(call, upstream, size);
    const input = new Operand(call, "x", x, memory);
    checkRows(call, input, size);
    checkLike(call, input, upstream);
    const found = this.#stats(call, stats, rows);
    const gain = this.#param(call, "gain", options.gain);
    const bias = this.#param(call, "bias", options.bias);
    const { out = {}, accumulate = false } = options;
    checkOptions(call, out, "out");
    checkBoolean(call, "accumulate", accumulate);
    const dxGiven = this.#given(call, "out.dx", out.dx, upstream);
    const dGainGiven = this.#param(call, "out.dGain", out.dGain);
    const dBiasGiven = this.#param(call, "out.dBias", out.dBias);
    if (accumulate && gain && !dGainGiven) throw typeError(call, "out.dGain", "an array to add onto", undefined);
    if (accumulate && bias && !dBiasGiven) throw typeError(call, "out.dBias", "an array to add onto", undefined);
    const inputs = [gain, bias, found && spanOf("stats.mean", found.mean), found && spanOf("stats.rstd", found.rstd)];
    checkOutputs(call, dxGiven, [dGainGiven, dBiasGiven], [upstream, input], inputs);

    const made: LinearMatrix[] = [];
    try {
      const dx = dxGiven ?? this.#make(call, "dx", upstream.isMatrix, rows, made);
      const dGain = dGainGiven ?? (gain && this.#make(call, "dGain", upstream.isMatrix, 1, made));
      const dBias = dBiasGiven ?? (bias && this.#make(call, "dBias", upstream.isMatrix, 1, made));
      const sums = dGain !== undefined || dBias !== undefined;
      const resident = upstream.isResident && input.isResident && dx.isResident;
      const step = tileRows(rows, size, resident, sums ? ROW_BLOCK : 1);
      const layout = new Layout();
      const means = layout.take(step * 8);
      const rstds = layout.take(step * 8);
      const gainColumn = layout.take(gain ? size * 4 : 0);
      const column = layout.take(sums ? size * 4 : 0);
      const columns = layout.take(sums ? columnsBytes(size) : 0);
      const xTile = layout.take(input.isResident ? 0 : step * size * 4);
      const tile = layout.take(upstream.isResident && dx.isResident ? 0 : step * size * 4);
      const base = memory.scratch(call, layout.bytes);

      const gainAt = gain ? gain.read(0, size, base + gainColumn) : 0;
      const columnsAt = sums ? base + columns : 0;
      if (sums) memory.clear(columnsAt, columnsBytes(size));
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        const start = row * size;
        const length = count * size;
        const xAt = input.read(start, length, base + xTile);
        const dyAt = upstream.read(start, length, base + tile);
        const dxAt = dx.target(start, base + tile);
        if (found) {
          memory.place(found.mean, row, base + means, count);
          memory.place(found.rstd, row, base + rstds, count);
        } else {
          this.#kernels.statistics(xAt, size * 4, base + means, base + rstds, count);
        }
        this.#kernels.backward(
          dyAt,
          size * 4,
          xAt,
          size * 4,
          gainAt,
          base + means,
          base + rstds,
          dxAt,
          size * 4,
          columnsAt,
          row,
          count,
        );
        dx.write(start, length, base + tile);
      }
      const result: Backward<T> = { dx: dx.result() as T };
      if (dGain) result.dGain = this.#addUp(columnsAt, false, dGain, base + column, accumulate);
      if (dBias) result.dBias = this.#addUp(columnsAt, true, dBias, base + column, accumulate);
      return result;
    } catch (error) {
      for (const matrix of made) matrix.free();
      throw error;
    } finally {
      memory.release();
    }
  }

  /** gain or bias, or the gradient of one; of `size` elements, and only for a norm that has them. */
  #param(call: string, argument: string, value: unknown): Operand | undefined {
    if (value === undefined) return undefined;
    if (!this.#hasParams) throw typeError(call, argument, `none, as ${this.#name} has no gain and no bias`, value);
    const operand = new Operand(call, argument, value, this.#memory);
    checkColumn(call, operand, this.size);
    return operand;
  }

  /** The place that the caller gave for a result, of the kind and shape of `model`. */
  #given(call: string, argument: string, value: unknown, model: Operand): Operand | undefined {
    if (value === undefined) return undefined;
    const operand = new Operand(call, argument, value, this.#memory);
    checkLike(call, operand, model);
    return operand;
  }

  /** A new place for a result; matrices are noted in `made`, to be freed should the call fail. */
  #make(call: string, argument: string, matrix: boolean, rows: number, made: LinearMatrix[]): Operand {
    if (!matrix) return new Operand(call, argument, new Float32Array(rows * this.size), this.#memory);
    const value = new LinearMatrix(call, this.#memory, rows, this.size);
    made.push(value);
    return new Operand(call, argument, value, this.#memory);
  }

  #stats(call: string, stats: unknown, rows: number): RowStats | undefined {
    if (stats === undefined) return undefined;
    checkOptions(call, stats, "stats");
    const { mean, rstd } = stats as Record<keyof RowStats, unknown>;
    return {
      mean: this.#memory.outside(checkStat(call, "stats.mean", mean, rows)),
      rstd: this.#memory.outside(checkStat(call, "stats.rstd", rstd, rows)),
    };
  }

  /** Rounds the sums over all rows into where they go, or adds them onto what is there. */
  #addUp(columns: number, bias: boolean, out: Operand, scratch: number, accumulate: boolean): Float32Array | Matrix {
    const at = accumulate ? out.read(0, this.size, scratch) : out.target(0, scratch);
    this.#columnSums(columns, bias ? 1 : 0, at, this.size, accumulate ? 1 : 0);
    out.write(0, this.size, scratch);
    return out.result();
  }
}

/** Refuses results of backward that overlap each other or an input; dx may be dy or x itself. */
function checkOutputs(
  call: string,
  dx: Operand | undefined,
  columns: (Operand | undefined)[],
  batches: Operand[],
  inputs: (Operand | Span | undefined)[],
): void {
  for (const batch of batches) if (dx) checkApart(call, dx, batch, true);
  for (const input of inputs) if (dx) checkApart(call, dx, input);
  columns.forEach((column, index) => {
    if (!column) return;
    for (const other of [dx, ...batches, ...inputs, ...columns.slice(0, index)]) checkApart(call, column, other);
  });
}
