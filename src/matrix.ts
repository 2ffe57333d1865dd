import { checkAttached, checkInteger, isFloat32Array, rangeError, typeError } from "./checks.js";
import type { LinearMemory } from "./memory.js";
import type { Matrix } from "./types.js";

/** Frees the blocks of matrices that were dropped without free(). */
const abandoned =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** A view keeps its matrix: while somebody holds the one, the other's memory is not given away. */
const owners = new WeakMap<Float32Array, LinearMatrix>();

/** Engines without the symbol get the one that transpilers of `using` fall back on. */
const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/** A batch in linear memory. */
export class LinearMatrix implements Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly #memory: LinearMemory;
  readonly #pointer: number;
  #giveBack: (() => void) | undefined;

  /** The block is not cleared. */
  constructor(call: string, memory: LinearMemory, rows: number, cols: number) {
    const bytes = rows * cols * Float32Array.BYTES_PER_ELEMENT;
    const pointer = memory.allocate(call, bytes);
    memory.used += bytes;
    this.rows = rows;
    this.cols = cols;
    this.#memory = memory;
    this.#pointer = pointer;
    // Must not hold on to the matrix itself, or it would never be collected.
    this.#giveBack = () => {
      memory.free(pointer);
      memory.used -= bytes;
    };
    abandoned?.register(this, this.#giveBack, this);
  }

  get data(): Float32Array {
    this.#checkAlive("Matrix.data");
    const view = this.#memory.view(this.#pointer, this.rows * this.cols);
    owners.set(view, this);
    return view;
  }

  toArray(): Float32Array {
    this.#checkAlive("Matrix.toArray");
    return this.data.slice();
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

  /** Where the matrix lies in `memory`. */
  static pointerOf(call: string, argument: string, matrix: LinearMatrix, memory: LinearMemory): number {
    if (matrix.#giveBack === undefined) {
      throw new TypeError(`${call}: ${argument}: expected a live Matrix, got one that was freed`);
    }
    if (matrix.#memory !== memory) {
      throw new TypeError(`${call}: ${argument}: expected a Matrix of these kernels, got one of another instance`);
    }
    return matrix.#pointer;
  }

  #checkAlive(call: string): void {
    if (this.#giveBack === undefined) throw new TypeError(`${call}: expected a live Matrix, got one that was freed`);
  }
}

/** A matrix of zeros, or a copy of an array. */
export function createMatrix(memory: LinearMemory, rowsOrSource: unknown, cols: unknown): LinearMatrix {
  const call = "matrix";
  const width = checkInteger(call, "cols", cols, 1);
  if (typeof rowsOrSource === "number") {
    const matrix = new LinearMatrix(call, memory, checkInteger(call, "rows", rowsOrSource, 0), width);
    matrix.data.fill(0);
    return matrix;
  }
  if (!isFloat32Array(rowsOrSource))
    throw typeError(call, "source", "a Float32Array or a number of rows", rowsOrSource);
  checkAttached(call, "source", rowsOrSource);
  const { length } = rowsOrSource;
  if (length % width !== 0)
    throw rangeError(call, "source", `a length that is a multiple of cols ${width}`, `${length}`);
  // Growth would detach a source that lies in this very memory: note where it is.
  const inside = rowsOrSource.buffer === memory.buffer ? rowsOrSource.byteOffset : undefined;
  const matrix = new LinearMatrix(call, memory, length / width, width);
  matrix.data.set(inside === undefined ? rowsOrSource : memory.view(inside, length));
  return matrix;
}
