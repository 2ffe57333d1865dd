import type { Abi } from "./abi.js";
import { isInMemory } from "./arguments.js";
import { checkInteger, checkNumber, checkOneOf, notItself } from "./checks.js";
import { checkDType } from "./dtypes.js";
import { showAs } from "./inspect.js";
import type { LinearMemory } from "./memory.js";
import { checkOptions } from "./names.js";
import { Operand } from "./operand.js";
import { checkStride } from "./options.js";
import { Layout, placed, takeTile, tileRows } from "./tiles.js";
import type { DType, HostArray, Matrix, Rows } from "./types.js";

type Batch = HostArray | Matrix;

/** The kernels that write one f64 for each row. */
type Reduction = "rowSum" | "rowL1" | "rowSumSquare" | "rowMin" | "rowMax";

/** What a kernel writes for each row: so many f64, in two places at most, and so many bytes. */
interface RowResults {
  readonly doubles: 0 | 1 | 2;
  readonly bytes: number;
}

const NO_DOUBLES = new Float64Array(0);
const NO_BYTES = new Uint8Array(0);

const ONE: RowResults = { doubles: 1, bytes: 0 };
const TWO: RowResults = { doubles: 2, bytes: 0 };

/** Runs a kernel on contiguous rows. It writes to two places for f64 and one for bytes. */
type Kernel = (abi: Abi, x: number, rows: number, first: number, second: number, bytes: number) => void;

/** What a kernel wrote. Arrays of no length stand for what it does not write. */
interface Results {
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly bytes: Uint8Array;
}

/**
 * The names of the options of rows and of its reductions. All reductions accept ddof, so that one object can serve all; what gives
 * bytes does not.
 */
const OPTIONS: ReadonlySet<string> = new Set(["dtype"]);
const REDUCTION_OPTIONS: ReadonlySet<string> = new Set(["ddof", "rowStride"]);
const INT8_OPTIONS: ReadonlySet<string> = new Set(["scale", "rowStride"]);
const BITS_OPTIONS: ReadonlySet<string> = new Set(["rowStride"]);

/** The options of one call, after checks. */
interface Settings {
  readonly call: string;
  readonly ddof: 0 | 1;
  /** Elements from row to row. */
  readonly stride: number;
  /** The scale of int8 for all rows; 0 if each row has its own. */
  readonly scale: number;
}

/** The row reductions. Each makes one pass over the tiles of a batch, and all share the code of that pass. */
export class LinearRows implements Rows {
  readonly #memory: LinearMemory;
  readonly #size: number;
  readonly #dtype: DType;

  static {
    showAs(LinearRows, "Rows", (rows) => ({ size: rows.#size, dtype: rows.#dtype }));
  }

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

  int8(x: Batch, options?: unknown): { values: Int8Array; scale: Float64Array } {
    const settings = LinearRows.#check(this, "int8", options, INT8_OPTIONS);
    const size = this.#size;
    const results = this.#run(settings, x, { doubles: 1, bytes: size }, (abi, at, rows, scales, _second, values) =>
      abi.rowInt8(at, values, scales, rows, size, settings.scale),
    );
    return { values: new Int8Array(results.bytes.buffer), scale: results.first };
  }

  bits(x: Batch, options?: unknown): Uint8Array {
    const settings = LinearRows.#check(this, "bits", options, BITS_OPTIONS);
    const size = this.#size;
    const results = this.#run(
      settings,
      x,
      { doubles: 0, bytes: Math.ceil(size / 8) },
      (abi, at, rows, _first, _second, bits) => abi.rowBits(at, bits, rows, size),
    );
    return results.bytes;
  }

  /** Checks `this` and the options of a call. Throws if `self` is another object, or a Proxy of rows. */
  static #check(self: unknown, name: string, options: unknown, known = REDUCTION_OPTIONS): Settings {
    const isOne = typeof self === "object" && self !== null && #size in self;
    if (!isOne) throw notItself(`Rows.${name}`, self);
    const call = `rows.${name}`;
    const size = self.#size;
    if (options === undefined) return { call, ddof: 0, stride: size, scale: 0 };
    checkOptions(call, "options", options, known);
    const { ddof = 0, rowStride, scale } = options as { ddof?: unknown; rowStride?: unknown; scale?: unknown };
    return {
      call,
      ddof: checkOneOf(call, "ddof", ddof, [0, 1]),
      stride: rowStride === undefined ? size : checkStride(call, "rowStride", rowStride, size),
      scale: scale === undefined ? 0 : checkNumber(call, "scale", scale, 0, true),
    };
  }

  static #moments(self: LinearRows, name: string, x: Batch, options: unknown) {
    const settings = LinearRows.#check(self, name, options);
    const size = self.#size;
    const { first, second } = self.#run(settings, x, TWO, (abi, at, rows, means, variances) =>
      abi.rowMoments(at, means, variances, rows, size, settings.ddof),
    );
    return { mean: first, variance: second };
  }

  static #reduce(self: LinearRows, name: string, x: Batch, options: unknown, reduction: Reduction) {
    const settings = LinearRows.#check(self, name, options);
    const size = self.#size;
    return self.#run(settings, x, ONE, (abi, at, rows, out) => abi[reduction](at, out, rows, size)).first;
  }

  /** Runs a kernel tile by tile. */
  #run({ call, stride }: Settings, x: Batch, { doubles, bytes: rowBytes }: RowResults, kernel: Kernel): Results {
    const memory = isInMemory(this.#memory, x) ? this.#memory : this.#memory.forArrays;
    const size = this.#size;
    const input = new Operand({ call, memory, dtype: this.#dtype, size }, "x", x, stride);
    const { rows } = input;
    const results = {
      first: doubles > 0 ? new Float64Array(rows) : NO_DOUBLES,
      second: doubles > 1 ? new Float64Array(rows) : NO_DOUBLES,
      bytes: rowBytes > 0 ? new Uint8Array(rows * rowBytes) : NO_BYTES,
    };
    // Bytes pass through the scratch area, so there are as many of them as a tile may have.
    const step = tileRows(rows, size, input.isInPlace && rowBytes === 0, 1);
    // Kernels take contiguous rows: those with something between them go one by one.
    const run = input.kernelStride === size * 4 ? step : 1;
    const layout = new Layout();
    const firstAt = layout.take(step * 8);
    const secondAt = layout.take(step * 8);
    const bytesAt = layout.take(step * rowBytes);
    const taken = takeTile(layout, step, input);
    try {
      const base = memory.scratch(call, layout.bytes);
      const [first, second, bytes] = [base + firstAt, base + secondAt, base + bytesAt];
      const tile = placed(taken, base);
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        const at = input.read(row, count, tile);
        for (let i = 0; i < count; i += run) {
          const rowsInRun = Math.min(run, count - i);
          kernel(
            memory.abi,
            at + i * input.kernelStride,
            rowsInRun,
            first + i * 8,
            second + i * 8,
            bytes + i * rowBytes,
          );
        }
        if (doubles > 0) memory.fetch(results.first, row, first, count);
        if (doubles > 1) memory.fetch(results.second, row, second, count);
        if (rowBytes > 0) memory.fetchBytes(results.bytes, row * rowBytes, bytes, count * rowBytes);
      }
    } finally {
      memory.release();
    }
    return results;
  }
}
