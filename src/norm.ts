import { type Abi, columnsBytes, ROW_BLOCK } from "./abi.js";
import { kindOf, makeArray } from "./arrays.js";
import { checkBoolean, checkObject, checkStat, notItself, typeError } from "./checks.js";
import { holds } from "./dtypes.js";
import { LinearMatrix, placeOf } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { checkOptions } from "./names.js";
import { bindNorm, type NormKernels } from "./norms.js";
import { checkLike, Operand } from "./operand.js";
import {
  BACKWARD,
  BACKWARD_BATCHES,
  FORWARD,
  FORWARD_BATCHES,
  GRADIENTS,
  hasParams,
  readNormOptions,
  readStrides,
  type Strides,
  strideOf,
} from "./options.js";
import { checkApart, type Occupant, occupantOf } from "./overlap.js";
import { makeStats } from "./stats.js";
import { Layout, placed, type Tile, takeTile, tileRows } from "./tiles.js";
import type {
  Backward,
  BackwardOptions,
  DType,
  ForwardOptions,
  HostArray,
  Matrix,
  Norm,
  NormName,
  RowStats,
  SummedForward,
} from "./types.js";

/** Stands for options that were left out. */
const NONE: Record<string, never> = Object.freeze({});

/**
 * The path of the data, the same for every norm: read all options, once; check all arguments; take all memory that is needed,
 * and make all results; then, tile by tile, place the rows, run the kernel, hand the results over. After the first step no
 * code of the caller runs, and before the last, which does not fail, nothing is written.
 */
export class LinearNorm implements Norm {
  readonly #size: number;
  readonly #name: NormName;
  readonly #calls: { forward: string; backward: string };
  readonly #memory: LinearMemory;
  readonly #dtype: DType;
  readonly #kernels: NormKernels;

  constructor(abi: Abi, memory: LinearMemory, name: NormName, options: unknown) {
    const { settings, size, dtype } = readNormOptions(name, options);
    this.#size = size;
    this.#name = name;
    this.#calls = { forward: `${name}.forward`, backward: `${name}.backward` };
    this.#memory = memory;
    this.#dtype = dtype;
    this.#kernels = bindNorm(abi, settings, size);
  }

  get size(): number {
    LinearNorm.#callsOf("Norm.size", this);
    return this.#size;
  }

  /** What errors call the methods of a norm. Refuses another object that a method is called on, and a Proxy of a norm. */
  static #callsOf(method: string, self: LinearNorm): { forward: string; backward: string } {
    try {
      // `#calls in self` would tell without an exception, but engines are slow at it.
      return self.#calls;
    } catch {
      throw notItself(method, self);
    }
  }

  forward<T extends HostArray | Matrix>(x: T, options: ForwardOptions<T> = NONE): SummedForward<T> {
    const call = LinearNorm.#callsOf("Norm.forward", this).forward;
    const memory = this.#memory;
    const size = this.#size;
    if (options !== NONE) checkOptions(call, "options", options, FORWARD);
    const { gain: gainGiven, bias: biasGiven, residual: residualGiven, sum: sumGiven, out, rowStride } = options;
    const strides = readStrides(call, rowStride, size, FORWARD_BATCHES);

    const input = this.#batch(call, "x", x, strides);
    const { rows } = input;
    const gain = this.#param(call, "gain", gainGiven);
    const bias = this.#param(call, "bias", biasGiven);
    const residual = this.#given(call, "residual", residualGiven, input, strides);
    const sumTo = this.#given(call, "sum", sumGiven, input, strides);
    const outTo = this.#given(call, "out", out, input, strides);
    if (sumTo && !residual) throw typeError(call, "residual", "a batch to add, as there is a sum", undefined);
    if (sumTo) checkOutput(call, sumTo, input, residual, gain, bias);
    if (outTo) {
      checkOutput(call, outTo, input, residual, gain, bias);
      checkApart(call, outTo, sumTo);
    }

    const [mean, rstd] = makeStats(rows, input.isMatrix);
    const made: LinearMatrix[] = [];
    try {
      const output = outTo ?? this.#make(call, "y", input, made);
      const sum = residual && (sumTo ?? this.#make(call, "sum", input, made));
      const resident = input.isInPlace && output.isInPlace && (residual?.isInPlace ?? true) && (sum?.isInPlace ?? true);
      const step = tileRows(rows, size, resident, 1);
      // Statistics are small: those of many tiles are handed over at a time.
      const held = tileRows(rows, size, true, step);
      const layout = new Layout();
      const means = layout.take(held * 8);
      const rstds = layout.take(held * 8);
      const gainTile = takeTile(layout, 1, gain);
      const biasTile = takeTile(layout, 1, bias);
      const main = takeTile(layout, step, input, output, sum);
      const other = residual && takeTile(layout, step, residual, output);
      const base = memory.scratch(call, layout.bytes);

      const gainAt = gain ? gain.read(0, 1, placed(gainTile, base)) : 0;
      const biasAt = bias ? bias.read(0, 1, placed(biasTile, base)) : 0;
      const tile = placed(main, base);
      const residualTile = other ? placed(other, base) : tile;
      // Rounding is faster where y holds no NaN, for which kernels answer if gain and bias are finite.
      const areFinite =
        output.isRounded && rows > 0 && this.#areFinite(gainAt, base + means) && this.#areFinite(biasAt, base + means);
      // Where the sum is in x's tile until it is handed over, y goes to the residual's.
      const outputTile = output.isRounded ? tile : residualTile;
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        let at = input.read(row, count, tile);
        let residualAt = 0;
        let sumAt = 0;
        if (residual && sum) {
          residualAt = residual.read(row, count, residualTile);
          sumAt = sum.target(row, tile);
          if (sum.isRounded) {
            at = this.#addRounded(at, residualAt, sum, tile, row, count);
            residualAt = 0;
          }
        }
        const areNumbers = this.#kernels.forward(
          at,
          input.kernelStride,
          residualAt,
          residual?.kernelStride ?? 0,
          sumAt,
          sum?.kernelStride ?? 0,
          gainAt,
          biasAt,
          output.target(row, outputTile),
          output.kernelStride,
          base + means + (row % held) * 8,
          base + rstds + (row % held) * 8,
          count,
        );
        if (sum && !sum.isRounded) sum.write(row, count, tile);
        output.write(row, count, outputTile, areFinite && areNumbers === 1);
        const end = row + count;
        if (end % held === 0 || end === rows) {
          const start = Math.floor(row / held) * held;
          memory.fetch(mean, start, base + means, end - start);
          memory.fetch(rstd, start, base + rstds, end - start);
        }
      }
      const result = { y: output.result() as T, mean, rstd } as SummedForward<T>;
      if (sum) result.sum = sum.result() as T;
      return result;
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
    options: BackwardOptions<T> = NONE,
  ): Backward<T> {
    const call = LinearNorm.#callsOf("Norm.backward", this).backward;
    const memory = this.#memory;
    const size = this.#size;
    if (options !== NONE) checkOptions(call, "options", options, BACKWARD);
    const { gain: gainGiven, bias: biasGiven, out = NONE, accumulate = false, dSum: dSumGiven, rowStride } = options;
    if (out !== NONE) checkOptions(call, "out", out, GRADIENTS);
    const { dx: dxGiven, dGain: dGainGiven, dBias: dBiasGiven } = out;
    const strides = readStrides(call, rowStride, size, BACKWARD_BATCHES);
    checkBoolean(call, "accumulate", accumulate);
    if (stats !== undefined) checkObject(call, "stats", stats);
    const { mean: meanGiven, rstd: rstdGiven } = (stats ?? NONE) as Partial<RowStats>;

    const upstream = this.#batch(call, "dy", dy, strides);
    const { rows } = upstream;
    const input = this.#batch(call, "x", x, strides);
    checkLike(call, input, upstream, this.#dtype);
    const found = stats && this.#stats(call, meanGiven, rstdGiven, rows);
    const gain = this.#param(call, "gain", gainGiven);
    const bias = this.#param(call, "bias", biasGiven);
    const dSum = this.#given(call, "dSum", dSumGiven, upstream, strides);
    const dxTo = this.#given(call, "out.dx", dxGiven, upstream, strides, "dx");
    const dGainTo = this.#param(call, "out.dGain", dGainGiven, true);
    const dBiasTo = this.#param(call, "out.dBias", dBiasGiven, true);
    if (accumulate && gain && !dGainTo) throw typeError(call, "out.dGain", "an array to add onto", undefined);
    if (accumulate && bias && !dBiasTo) throw typeError(call, "out.dBias", "an array to add onto", undefined);
    const inputs = [
      gain,
      bias,
      found && occupantOf("stats.mean", found.mean),
      found && occupantOf("stats.rstd", found.rstd),
    ];
    const batches = dSum ? [upstream, input, dSum] : [upstream, input];
    checkOutputs(call, dxTo, [dGainTo, dBiasTo], batches, inputs);

    const made: LinearMatrix[] = [];
    try {
      const dx = dxTo ?? this.#make(call, "dx", upstream, made);
      const dGain = dGainTo ?? (gain && this.#makeColumn(call, "dGain", upstream, made));
      const dBias = dBiasTo ?? (bias && this.#makeColumn(call, "dBias", upstream, made));
      const sums = dGain !== undefined || dBias !== undefined;
      const resident = upstream.isInPlace && input.isInPlace && dx.isInPlace && !dSum;
      const step = tileRows(rows, size, resident, sums ? ROW_BLOCK : 1);
      const layout = new Layout();
      const means = layout.take(step * 8);
      const rstds = layout.take(step * 8);
      const gainTile = takeTile(layout, 1, gain);
      const column = layout.take(sums ? size * 4 : 0);
      const columns = layout.take(sums ? columnsBytes(size) : 0);
      const inputTile = takeTile(layout, step, input);
      const main = takeTile(layout, step, upstream, dx, undefined, dSum !== undefined);
      const other = takeTile(layout, step, dSum);
      const base = memory.scratch(call, layout.bytes);

      const gainAt = gain ? gain.read(0, 1, placed(gainTile, base)) : 0;
      const columnsAt = sums ? base + columns : 0;
      if (sums) memory.clear(columnsAt, columnsBytes(size));
      const tile = placed(main, base);
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        const xAt = input.read(row, count, placed(inputTile, base));
        const dyAt = upstream.read(row, count, tile);
        if (found) {
          memory.place(found.mean, row, base + means, count);
          memory.place(found.rstd, row, base + rstds, count);
        } else {
          this.#kernels.statistics(xAt, input.kernelStride, base + means, base + rstds, count);
        }
        // To what dSum is added the gradient goes by way of the tile: the one may lie where the other is to go.
        const dxAt = dSum ? tile.f32 : dx.target(row, tile);
        const dxStride = dSum ? size * 4 : dx.kernelStride;
        this.#kernels.backward(
          dyAt,
          upstream.kernelStride,
          xAt,
          input.kernelStride,
          gainAt,
          base + means,
          base + rstds,
          dxAt,
          dxStride,
          columnsAt,
          row,
          count,
        );
        if (dSum) {
          const dSumAt = dSum.read(row, count, placed(other, base));
          const to = dx.target(row, tile);
          memory.abi.addRows(dxAt, dxStride, dSumAt, dSum.kernelStride, to, dx.kernelStride, count, size);
        }
        dx.write(row, count, tile);
      }
      const result: Backward<T> = { dx: dx.result() as T };
      const at = { f32: base + column, bits: 0 };
      if (dGain) result.dGain = this.#addUp(columnsAt, 0, dGain, at, accumulate);
      if (dBias) result.dBias = this.#addUp(columnsAt, 1, dBias, at, accumulate);
      return result;
    } catch (error) {
      for (const matrix of made) matrix.free();
      throw error;
    } finally {
      memory.release();
    }
  }

  /**
   * Puts rows of x + residual, rounded, where they belong, and says where kernels find them as rounded: what is normalised
   * is what the caller gets, and backward finds the same rows.
   */
  #addRounded(x: number, residual: number, sum: Operand, tile: Tile, row: number, count: number): number {
    const stride = sum.kernelStride;
    this.#memory.abi.addRows(x, stride, residual, stride, tile.f32, stride, count, this.#size);
    sum.write(row, count, tile);
    return sum.read(row, count, tile);
  }

  /** Whether the elements of gain or bias, 0 where absent, are sure to be finite: their sum is. There is room for it at `at`. */
  #areFinite(param: number, at: number): boolean {
    if (param === 0) return true;
    this.#memory.abi.rowSum(param, at, 1, this.#size);
    return Number.isFinite(this.#memory.f64[at / 8]);
  }

  /** `name` is what rowStride calls it. */
  #batch(call: string, argument: string, value: unknown, strides: Strides, name = argument): Operand {
    return new Operand(call, argument, value, this.#memory, this.#dtype, this.#size, strideOf(strides, name), false);
  }

  /** A batch that the caller may leave out, of the kind and shape of `model`. */
  #given(
    call: string,
    argument: string,
    value: unknown,
    model: Operand,
    strides: Strides,
    name = argument,
  ): Operand | undefined {
    if (value === undefined) return undefined;
    const operand = this.#batch(call, argument, value, strides, name);
    checkLike(call, operand, model, this.#dtype);
    return operand;
  }

  /** gain or bias, or the gradient of one, which is f32; of `size` elements, and only for a norm that has them. */
  #param(call: string, argument: string, value: unknown, isGradient = false): Operand | undefined {
    if (value === undefined) return undefined;
    const size = this.#size;
    if (!hasParams(this.#name))
      throw typeError(call, argument, `none, as ${this.#name} has no gain and no bias`, value);
    // Gradients are f32; gain and bias may be, whatever the batch is.
    let dtype = this.#dtype;
    if (dtype !== "f32" && (isGradient || isFloat(value))) dtype = "f32";
    return Operand.column(call, argument, value, this.#memory, dtype, size);
  }

  /** A new place for a batch of results; matrices are noted in `made`, to be freed should the call fail. */
  #make(call: string, argument: string, model: Operand, made: LinearMatrix[]): Operand {
    const size = this.#size;
    const { rows } = model;
    if (!model.isMatrix) {
      const array = makeArray(kindOf(model.value) as string, rows * size);
      return this.#batch(call, argument, array, size);
    }
    const matrix = new LinearMatrix(call, this.#memory, rows, size, this.#dtype);
    made.push(matrix);
    return this.#batch(call, argument, matrix, size);
  }

  /** A new place for the gradient of gain or bias. */
  #makeColumn(call: string, argument: string, model: Operand, made: LinearMatrix[]): Operand {
    const size = this.#size;
    if (!model.isMatrix) return Operand.column(call, argument, new Float32Array(size), this.#memory, "f32", size);
    const matrix = new LinearMatrix(call, this.#memory, 1, size, "f32");
    made.push(matrix);
    return Operand.column(call, argument, matrix, this.#memory, "f32", size);
  }

  #stats(call: string, mean: unknown, rstd: unknown, rows: number): RowStats {
    return {
      mean: this.#memory.outside(checkStat(call, "stats.mean", mean, rows)),
      rstd: this.#memory.outside(checkStat(call, "stats.rstd", rstd, rows)),
    };
  }

  /** Rounds the sums over all rows into where they go, or adds them onto what is there. */
  #addUp(columns: number, bias: 0 | 1, out: Operand, tile: Tile, accumulate: boolean): Float32Array | Matrix {
    const at = accumulate ? out.read(0, 1, tile) : out.target(0, tile);
    this.#memory.abi.columnSums(columns, bias, at, this.#size, accumulate ? 1 : 0);
    out.write(0, 1, tile);
    return out.result() as Float32Array | Matrix;
  }
}

/** Whether a value is f32, in an array or a matrix. */
function isFloat(value: unknown): boolean {
  const place = placeOf(value);
  return place ? place.dtype === "f32" : holds(value, "f32");
}

/** Refuses a result of forward that overlaps an input; it may be x or the residual itself. */
function checkOutput(
  call: string,
  output: Operand,
  input: Operand,
  residual: Operand | undefined,
  gain: Operand | undefined,
  bias: Operand | undefined,
): void {
  checkApart(call, output, input, true);
  checkApart(call, output, residual, true);
  checkApart(call, output, gain);
  checkApart(call, output, bias);
}

/** Refuses results of backward that overlap each other or an input; dx may be a batch of the inputs itself. */
function checkOutputs(
  call: string,
  dx: Operand | undefined,
  columns: (Operand | undefined)[],
  batches: Operand[],
  inputs: (Occupant | undefined)[],
): void {
  for (const batch of batches) if (dx) checkApart(call, dx, batch, true);
  for (const input of inputs) if (dx) checkApart(call, dx, input);
  columns.forEach((column, index) => {
    if (!column) return;
    for (const other of [dx, ...batches, ...inputs, ...columns.slice(0, index)]) checkApart(call, column, other);
  });
}
