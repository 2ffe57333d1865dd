import type { Abi } from "./abi.js";
import { isInMemory } from "./arguments.js";
import { checkInteger, checkOneOf, notItself } from "./checks.js";
import { checkDType } from "./dtypes.js";
import type { LinearMemory } from "./memory.js";
import { checkOptions } from "./names.js";
import { Operand } from "./operand.js";
import { Layout, placed, takeTile, tileRows } from "./tiles.js";
import type { DType, HostArray, Matrix, Rows } from "./types.js";

type Batch = HostArray | Matrix;

/** The kernels that write one f64 for each row. */
type Reduction = "rowSum" | "rowL1" | "rowSumSquare" | "rowMin" | "rowMax";

/** The names of the options of rows and of its reductions. All reductions accept ddof, so that one object can serve all. */
const OPTIONS: ReadonlySet<string> = new Set(["dtype"]);
const REDUCTION_OPTIONS: ReadonlySet<string> = new Set(["ddof"]);

/** The row reductions. Each makes one pass over the tiles of a batch, and all share the code of that pass. */
export class LinearRows implements Rows {
  readonly #memory: LinearMemory;
  readonly #size: number;
  readonly #dtype: DType;

  constructor(memory: LinearMemory, size: unknown, options: unknown = {}) {
    checkOptions("rows", "options", options, OPTIONS);
    const { dtype = "f32" } = options as { dtype?: unknown };
    this.#dtype = checkDType("rows", dtype);
    this.#memory = memory;
    this.#size = checkInteger("rows", "size", size, 1);
  }

  sum(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "sum", x, options, "rowSum");
  }

  mean(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#moments(this, "mean", x, options).mean;
  }

  variance(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#moments(this, "variance", x, options).variance;
  }

  std(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#moments(this, "std", x, options).variance.map(Math.sqrt);
  }

  rms(x: Batch, options?: unknown): Float64Array {
    const squares = LinearRows.#reduce(this, "rms", x, options, "rowSumSquare");
    return squares.map((square) => Math.sqrt(square / this.#size));
  }

  l1(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "l1", x, options, "rowL1");
  }

  l2(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "l2", x, options, "rowSumSquare").map(Math.sqrt);
  }

  sumSquare(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "sumSquare", x, options, "rowSumSquare");
  }

  min(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "min", x, options, "rowMin");
  }

  max(x: Batch, options?: unknown): Float64Array {
    return LinearRows.#reduce(this, "max", x, options, "rowMax");
  }

  moments(x: Batch, options?: unknown): { mean: Float64Array; variance: Float64Array } {
    return LinearRows.#moments(this, "moments", x, options);
  }

  /** Checks `this` and the options of a reduction. Throws if `self` is another object, or a Proxy of rows. */
  static #check(self: unknown, name: string, options: unknown): { call: string; ddof: 0 | 1 } {
    const isOne = typeof self === "object" && self !== null && #size in self;
    if (!isOne) throw notItself(`Rows.${name}`, self);
    const call = `rows.${name}`;
    if (options === undefined) return { call, ddof: 0 };
    checkOptions(call, "options", options, REDUCTION_OPTIONS);
    const { ddof = 0 } = options as { ddof?: unknown };
    return { call, ddof: checkOneOf(call, "ddof", ddof, [0, 1]) };
  }

  static #moments(self: LinearRows, name: string, x: Batch, options: unknown) {
    const { call, ddof } = LinearRows.#check(self, name, options);
    const size = self.#size;
    const [mean, variance] = self.#run(call, x, (abi, at, first, second, rows) =>
      abi.rowMoments(at, first, second, rows, size, ddof),
    );
    return { mean, variance };
  }

  static #reduce(self: LinearRows, name: string, x: Batch, options: unknown, reduction: Reduction) {
    const { call } = LinearRows.#check(self, name, options);
    const size = self.#size;
    return self.#run(call, x, (abi, at, first, _second, rows) => abi[reduction](at, first, rows, size))[0];
  }

  /** Runs a kernel that writes up to two f64 for each row. */
  #run(
    call: string,
    x: Batch,
    kernel: (abi: Abi, x: number, first: number, second: number, rows: number) => void,
  ): [Float64Array, Float64Array] {
    const memory = isInMemory(this.#memory, x) ? this.#memory : this.#memory.forArrays;
    const size = this.#size;
    const input = new Operand({ call, memory, dtype: this.#dtype, size }, "x", x);
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
        kernel(memory.abi, input.read(row, count, tile), base + first, base + second, count);
        memory.fetch(results[0], row, base + first, count);
        memory.fetch(results[1], row, base + second, count);
      }
    } finally {
      memory.release();
    }
    return results;
  }
}
