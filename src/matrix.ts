import { BYTES, CODES, type Elements } from "./dtypes.js";
import type { LinearMemory } from "./memory.js";
import { tileRows } from "./tiles.js";
import type { DType, Matrix } from "./types.js";

/** Frees the blocks of matrices that were dropped without free(). */
const abandoned =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** A view keeps its matrix: while somebody holds the one, the other's memory is not given away. */
const owners = new WeakMap<Elements, LinearMatrix>();

/** Engines without the symbol get the one that transpilers of `using` fall back on. */
const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/** A batch in linear memory. */
export class LinearMatrix implements Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly dtype: DType;
  readonly #memory: LinearMemory;
  readonly #pointer: number;
  #giveBack: (() => void) | undefined;

  /** The block is not cleared. */
  constructor(call: string, memory: LinearMemory, rows: number, cols: number, dtype: DType) {
    const bytes = rows * cols * BYTES[dtype];
    const pointer = memory.allocate(call, bytes);
    memory.used += bytes;
    this.rows = rows;
    this.cols = cols;
    this.dtype = dtype;
    this.#memory = memory;
    this.#pointer = pointer;
    // Must not hold on to the matrix itself, or it would never be collected.
    this.#giveBack = () => {
      memory.free(pointer);
      memory.used -= bytes;
    };
    abandoned?.register(this, this.#giveBack, this);
  }

  get data(): Elements {
    this.#checkAlive("Matrix.data");
    const view = this.#memory.view(this.dtype, this.#pointer, this.rows * this.cols);
    owners.set(view, this);
    return view;
  }

  toArray(): Elements {
    this.#checkAlive("Matrix.toArray");
    return this.data.slice();
  }

  toFloat32(): Float32Array {
    const call = "Matrix.toFloat32";
    this.#checkAlive(call);
    const { rows, cols, dtype } = this;
    const memory = this.#memory;
    const code = CODES[dtype];
    if (code === 0) return this.toArray() as Float32Array;
    const result = new Float32Array(rows * cols);
    const step = tileRows(rows, cols, false, 1);
    try {
      const tile = memory.scratch(call, step * cols * 4);
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row) * cols;
        memory.abi.widenRows(code, this.#pointer + row * cols * 2, 0, tile, 0, 1, count);
        result.set(memory.f32.subarray(tile / 4, tile / 4 + count), row * cols);
      }
    } finally {
      memory.release();
    }
    return result;
  }

  free(): void {
    this.#giveBack?.();
    this.#giveBack = undefined;
    abandoned?.unregister(this);
  }

  [dispose](): void {
    this.free();
  }

  /** What errors call it, whatever a bundler makes of the name of the class. */
  get [Symbol.toStringTag](): string {
    return "Matrix";
  }

  /** Where the matrix, of the dtype, lies in `memory`. */
  static pointerOf(call: string, argument: string, matrix: LinearMatrix, memory: LinearMemory, dtype: DType): number {
    if (matrix.#giveBack === undefined) {
      throw new TypeError(`${call}: ${argument}: expected a live Matrix, got one that was freed`);
    }
    if (matrix.#memory !== memory) {
      throw new TypeError(`${call}: ${argument}: expected a Matrix of these kernels, got one of another instance`);
    }
    if (matrix.dtype !== dtype) {
      throw new TypeError(`${call}: ${argument}: expected a Matrix of ${dtype}, got a Matrix of ${matrix.dtype}`);
    }
    return matrix.#pointer;
  }

  #checkAlive(call: string): void {
    if (this.#giveBack === undefined) throw new TypeError(`${call}: expected a live Matrix, got one that was freed`);
  }
}
