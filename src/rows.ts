import type { Abi } from "./abi.js";
import { checkInteger, checkOneOf, checkOptions } from "./checks.js";
import { checkDType } from "./dtypes.js";
import type { LinearMemory } from "./memory.js";
import { Operand } from "./operand.js";
import { Layout, placed, takeTile, tileRows } from "./tiles.js";
import type { DType, HostArray, Matrix, Rows } from "./types.js";

type Batch = HostArray | Matrix;

/** The row reductions: one pass over the tiles of a batch for each, whatever it reduces to. */
export class LinearRows implements Rows {
  readonly #abi: Abi;
  readonly #memory: LinearMemory;
  readonly #size: number;
  readonly #dtype: DType;

  constructor(abi: Abi, memory: LinearMemory, size: unknown, options: { dtype?: DType | undefined } = {}) {
    checkOptions("rows", options);
    const { dtype = "f32" } = options;
    this.#dtype = checkDType("rows", dtype);
    this.#abi = abi;
    this.#memory = memory;
    this.#size = checkInteger("rows", "size", size, 1);
  }

  sum(x: Batch): Float64Array {
    return this.#reduce("sum", x, this.#abi.rowSum);
  }

  mean(x: Batch): Float64Array {
    return this.#moments("mean", x, 0).mean;
  }

  variance(x: Batch, options: { ddof?: 0 | 1 | undefined } = {}): Float64Array {
    return this.#moments("variance", x, this.#ddof("variance", options)).variance;
  }

  std(x: Batch, options: { ddof?: 0 | 1 | undefined } = {}): Float64Array {
    return this.#moments("std", x, this.#ddof("std", options)).variance.map(Math.sqrt);
  }

  rms(x: Batch): Float64Array {
    return this.#reduce("rms", x, this.#abi.rowSumSquare).map((square) => Math.sqrt(square / this.#size));
  }

  l1(x: Batch): Float64Array {
    return this.#reduce("l1", x, this.#abi.rowL1);
  }

  l2(x: Batch): Float64Array {
    return this.#reduce("l2", x, this.#abi.rowSumSquare).map(Math.sqrt);
  }

  sumSquare(x: Batch): Float64Array {
    return this.#reduce("sumSquare", x, this.#abi.rowSumSquare);
  }

  min(x: Batch): Float64Array {
    return this.#reduce("min", x, this.#abi.rowMin);
  }

  max(x: Batch): Float64Array {
    return this.#reduce("max", x, this.#abi.rowMax);
  }

  moments(x: Batch, options: { ddof?: 0 | 1 | undefined } = {}): { mean: Float64Array; variance: Float64Array } {
    return this.#moments("moments", x, this.#ddof("moments", options));
  }

  #ddof(name: string, options: unknown): number {
    checkOptions(`rows.${name}`, options);
    const { ddof = 0 } = options as { ddof?: unknown };
    return checkOneOf(`rows.${name}`, "ddof", ddof, [0, 1]);
  }

  #moments(name: string, x: Batch, ddof: number): { mean: Float64Array; variance: Float64Array } {
    const size = this.#size;
    const [mean, variance] = this.#run(name, x, (at, first, second, rows) =>
      this.#abi.rowMoments(at, first, second, rows, size, ddof),
    );
    return { mean, variance };
  }

  #reduce(name: string, x: Batch, kernel: (x: number, out: number, rows: number, size: number) => void): Float64Array {
    return this.#run(name, x, (at, first, _second, rows) => kernel(at, first, rows, this.#size))[0];
  }

  /** Runs a kernel that leaves up to two f64 a row. */
  #run(
    name: string,
    x: Batch,
    kernel: (x: number, first: number, second: number, rows: number) => void,
  ): [Float64Array, Float64Array] {
    const call = `rows.${name}`;
    const memory = this.#memory;
    const size = this.#size;
    const input = new Operand(call, "x", x, memory, this.#dtype, size, size, false);
    const { rows } = input;
    const results: [Float64Array, Float64Array] = [new Float64Array(rows), new Float64Array(rows)];
    const step = tileRows(rows, size, input.isInPlace, 1);
    const layout = new Layout();
    const first = layout.take(step * 8);
    const second = layout.take(step * 8);
    const taken = takeTile(layout, step, input);
    try {
      const base = memory.scratch(call, layout.bytes);
      const tile = placed(taken, base);
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        kernel(input.read(row, count, tile), base + first, base + second, count);
        memory.fetch(results[0], row, base + first, count);
        memory.fetch(results[1], row, base + second, count);
      }
    } finally {
      memory.release();
    }
    return results;
  }
}
