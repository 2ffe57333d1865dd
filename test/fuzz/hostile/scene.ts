/** Honest arguments for every call, which hostile ones replace. */
import type { DType, HostArray, Kernels, Matrix, Norm } from "adanorm";
import { type Elements, encode } from "../../accuracy/storage.ts";
import type { AnyName } from "../../accuracy/subjects.ts";

/** A case as plain data: which argument of which call becomes what. */
export interface HostileCase {
  kind: "hostile";
  call: string;
  /** The index of the argument, and of the value that replaces it. */
  argument: number;
  value: number;
  norm: AnyName;
  dtype: DType;
  size: number;
  rows: number;
  /**
   * The kind of the batches: arrays in their own buffers, arrays in buffers that can shrink, matrices, or views of
   * matrices.
   */
  place: "array" | "resizable" | "matrix" | "view";
}

export type Batch = HostArray | Matrix;

/** The options that a norm needs for the case's batches, and the elements and columns of a gain. */
export function shapeOf({ norm, size, rows }: HostileCase) {
  const parts = rows > 0 && rows % 2 === 0 ? 2 : 1;
  if (norm === "instanceNorm") return { options: { channels: parts, spatial: size }, gains: parts, columns: parts };
  if (norm === "groupNorm") {
    const spatial = size % 2 === 0 ? size / 2 : size;
    const channels = (parts * size) / spatial;
    return { options: { channels, groups: parts, spatial }, gains: channels, columns: channels };
  }
  // Rows of an even length have a gain for each of two samples, if there are as many.
  return { options: { size }, gains: size % 2 === 0 ? parts * size : size, columns: size };
}

/** Makes the norm of a case. */
export function makeNorm(kernels: Kernels, norm: AnyName, options: object): Norm {
  return (kernels[norm] as (options: object) => Norm)(options);
}

const NAMES = ["x", "dy", "residual", "sum", "out", "dSum", "dx"] as const;
const COLUMNS = ["gain", "bias", "dGain", "dBias"] as const;

export type OperandName = (typeof NAMES)[number] | (typeof COLUMNS)[number];

/** An array in its own buffer, which may be one that can shrink. */
function allocate(elements: Elements, resizable: boolean): Elements {
  if (!resizable) return elements;
  const { byteLength } = elements;
  const Resizable = ArrayBuffer as new (length: number, options?: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Resizable(byteLength, { maxByteLength: byteLength + 64 });
  const array = elements instanceof Float32Array ? new Float32Array(buffer, 0) : new Uint16Array(buffer, 0);
  const fixed = array.subarray(0, elements.length);
  fixed.set(elements);
  return fixed;
}

export class Scene {
  readonly norm: Norm;
  readonly operands: Record<OperandName, Batch>;
  readonly stats: { mean: Float64Array; rstd: Float64Array };
  readonly hasParams: boolean;
  /** Chooses among an object's names. */
  readonly turn: number;
  readonly #matrices: Matrix[] = [];

  constructor(
    readonly kernels: Kernels,
    readonly each: HostileCase,
  ) {
    const { norm, dtype, size, rows, place } = each;
    this.turn = size + rows;
    const { options, gains, columns: gainColumns } = shapeOf(each);
    this.norm = makeNorm(kernels, norm, { ...options, dtype });
    this.hasParams = ["layerNorm", "rmsNorm", "groupNorm", "instanceNorm"].includes(norm);
    const operand = (name: string, length: number, type: DType, cols = size) => {
      const elements = elementsOf(name, length, type).slice();
      if (place === "array" || place === "resizable") return allocate(elements, place === "resizable");
      const matrix = kernels.matrix(elements, cols, type);
      this.#matrices.push(matrix);
      return place === "matrix" ? matrix : matrix.data;
    };
    const batches = NAMES.map((name) => [name, operand(name, rows * size, dtype)] as const);
    const columns = COLUMNS.map(
      (name) => [name, operand(name, gains, name.startsWith("d") ? "f32" : dtype, gainColumns)] as const,
    );
    this.operands = Object.fromEntries([...batches, ...columns]) as Scene["operands"];
    this.stats = { mean: Float64Array.from({ length: rows }, (_, i) => i / 8), rstd: new Float64Array(rows).fill(0.5) };
  }

  /** The bytes of everything. */
  snapshot(): Buffer {
    const { mean, rstd } = this.stats;
    const arrays = [...Object.values(this.operands).map(contentsOf), mean, rstd];
    return Buffer.concat(arrays.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)));
  }

  /** Makes the memory grow, and so detaches all views of it. */
  readonly grow = () => {
    this.kernels.matrix(1, this.kernels.memory.size / 4).free();
  };

  /** A matrix that is freed with the scene. */
  readonly matrix = (rows: number, cols: number, dtype: DType): Matrix => {
    const matrix = this.kernels.matrix(rows, cols, dtype);
    this.#matrices.push(matrix);
    return matrix;
  };

  free(): void {
    for (const matrix of this.#matrices) matrix.free();
  }
}

/** Small numbers, different for every name. */
export function elementsOf(name: string, length: number, dtype: DType): Elements {
  const first = name.length + (name.codePointAt(0) as number);
  const numbers = Float32Array.from({ length }, (_, i) => ((i * 7 + first) % 11) / 4 - 1);
  return encode(numbers, dtype);
}

export function isMatrix(value: unknown): value is Matrix {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && "toFloat32" in value;
}

const prototype = Object.getPrototypeOf(Uint8Array.prototype);
const accessor = (name: string) => Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown;
const [buffer, byteOffset, byteLength] = ["buffer", "byteOffset", "byteLength"].map(accessor) as [
  () => ArrayBuffer,
  () => number,
  () => number,
];

/** The contents of an array or matrix, even if the array lies about itself. */
export function contentsOf(value: ArrayBufferView | Matrix): ArrayBufferView {
  if (isMatrix(value)) return value.toArray();
  return new Uint8Array(buffer.call(value), byteOffset.call(value), byteLength.call(value));
}
