import type { Block } from "./blocks.js";
import { writeTransfer } from "./call.js";
import { notItself } from "./checks.js";
import type { CallContext } from "./context.js";
import { BYTES, CODES, type Elements } from "./dtypes.js";
import { showAs } from "./inspect.js";
import type { LinearMemory } from "./memory.js";
import { tileRows } from "./tiles.js";
import type { DType, Matrix } from "./types.js";

/**
 * The state of a matrix: where it lies, its shape, and whether it is still live. The package reads only this, never the
 * properties of the caller's Matrix. So nothing that a caller assigns to a matrix changes where a kernel reads and writes.
 */
export class Place {
  isLive = true;
  readonly memory: LinearMemory;
  readonly rows: number;
  readonly cols: number;
  readonly dtype: DType;
  /** The address of the first element, in bytes. */
  readonly pointer: number;
  readonly #block: Block;

  constructor(call: string, memory: LinearMemory, rows: number, cols: number, dtype: DType) {
    this.memory = memory;
    this.rows = rows;
    this.cols = cols;
    this.dtype = dtype;
    this.#block = memory.takeBlock(call, rows * cols * BYTES[dtype]);
    this.pointer = this.#block.pointer;
  }

  /** A new view of all elements. */
  view(): Elements {
    return this.memory.view(this.dtype, this.pointer, this.rows * this.cols);
  }

  free(): void {
    if (!this.isLive) return;
    this.isLive = false;
    this.memory.dropBlock(this.#block);
  }
}

/** Frees the memory of matrices that are collected without free(). */
const abandoned =
  typeof FinalizationRegistry === "undefined" ? undefined : new FinalizationRegistry<Place>((place) => place.free());

/**
 * The matrix of each view. A view keeps its matrix alive, so that the memory is not freed while somebody holds the view.
 */
const owners = new WeakMap<object, LinearMatrix>();

/** Makes the matrix of view `from` also the matrix of `view`, which replaces it. */
export function inheritOwner(view: object, from: object): void {
  const owner = owners.get(from);
  if (owner) owners.set(view, owner);
}

/** Symbol.dispose. Engines without it get the symbol that transpilers of `using` fall back on. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

const { isView } = ArrayBuffer;

/** The place of a matrix. Undefined for anything else, including a Proxy of a matrix. */
export let placeOf: (value: unknown) => Place | undefined;

/** A batch in linear memory. */
export class LinearMatrix implements Matrix {
  readonly #place: Place;

  static {
    placeOf = (value) => {
      // Arrays are told apart first, since exceptions take long. `#place in value` and `instanceof` would need none, but engines are
      // slow at both.
      if (typeof value !== "object" || value === null || isView(value)) return undefined;
      try {
        return (value as LinearMatrix).#place;
      } catch {
        return undefined;
      }
    };
    showAs(LinearMatrix, "Matrix", (matrix) => {
      const { rows, cols, dtype, isLive } = matrix.#place;
      return { rows, cols, dtype, ...(isLive ? { data: matrix.#place.view() } : { freed: true }) };
    });
  }

  /** Leaves the elements uninitialized. */
  constructor(call: string, memory: LinearMemory, rows: number, cols: number, dtype: DType) {
    this.#place = new Place(call, memory, rows, cols, dtype);
    abandoned?.register(this, this.#place, this);
  }

  get rows(): number {
    return ownPlace("Matrix.rows", this).rows;
  }

  get cols(): number {
    return ownPlace("Matrix.cols", this).cols;
  }

  get dtype(): DType {
    return ownPlace("Matrix.dtype", this).dtype;
  }

  get data(): Elements {
    const view = livePlace("Matrix.data", this).view();
    owners.set(view, this);
    return view;
  }

  toArray(): Elements {
    return livePlace("Matrix.toArray", this).view().slice();
  }

  toFloat32(): Float32Array {
    const call = "Matrix.toFloat32";
    const { memory, pointer, rows, cols, dtype } = livePlace(call, this);
    const type = CODES[dtype];
    if (type === 0) return memory.view(dtype, pointer, rows * cols).slice() as Float32Array;
    const result = new Float32Array(rows * cols);
    const step = tileRows(rows, cols, false, 1);
    try {
      const tile = memory.scratch(call, step * cols * 4);
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row);
        const from = pointer + row * cols * 2;
        writeTransfer(memory, { type, from, fromStride: cols * 2, to: tile, toStride: cols * 4, size: cols });
        memory.abi.widenRows(memory.transfer, 0, count);
        result.set(memory.f32.subarray(tile / 4, tile / 4 + count * cols), row * cols);
      }
    } finally {
      memory.release();
    }
    return result;
  }

  free(): void {
    ownPlace("Matrix.free", this).free();
    abandoned?.unregister(this);
  }

  [dispose](): void {
    const place = ownPlace("Matrix.free", this);
    place.free();
    abandoned?.unregister(this);
  }
}

/** Whether a value is a Proxy of a matrix. Reactive frameworks make those. */
export function isDisguised(value: unknown): boolean {
  try {
    return value instanceof LinearMatrix && placeOf(value) === undefined;
  } catch {
    // A Proxy can throw.
    return false;
  }
}

function ownPlace(call: string, self: unknown): Place {
  const place = placeOf(self);
  if (place === undefined) throw notItself(call, self);
  return place;
}

function livePlace(call: string, self: unknown): Place {
  const place = ownPlace(call, self);
  if (!place.isLive) throw new TypeError(`${call}: expected a live Matrix, got one that was freed`);
  return place;
}

/** Throws if the matrix was freed, belongs to another instance, or holds another dtype. */
export function checkPlace({ call, memory, dtype }: CallContext, argument: string, place: Place): void {
  if (!place.isLive) throw new TypeError(`${call}: ${argument}: expected a live Matrix, got one that was freed`);
  if (place.memory !== memory.forMatrices) {
    throw new TypeError(`${call}: ${argument}: expected a Matrix of these kernels, got one of another instance`);
  }
  if (place.dtype !== dtype) {
    throw new TypeError(`${call}: ${argument}: expected a Matrix of ${dtype}, got a Matrix of ${place.dtype}`);
  }
}
