import { checkAttached, isFloat32Array, rangeError, typeError } from "./checks.js";
import { LinearMatrix } from "./matrix.js";
import type { LinearMemory } from "./memory.js";

/** Which bytes of which buffer an argument takes up. */
export interface Span {
  argument: string;
  buffer: ArrayBufferLike;
  start: number;
  end: number;
}

export function spanOf(argument: string, array: Float32Array | Float64Array): Span {
  return { argument, buffer: array.buffer, start: array.byteOffset, end: array.byteOffset + array.byteLength };
}

/**
 * An argument of a call, and where its elements lie: in linear memory, where kernels use them in place, or with the
 * caller, from where they pass through the scratch area tile by tile.
 */
export class Operand {
  readonly argument: string;
  readonly value: Float32Array | LinearMatrix;
  readonly length: number;
  /** Byte offset in linear memory; undefined for elements with the caller. */
  readonly pointer: number | undefined;
  readonly #memory: LinearMemory;

  /**
   * @throws TypeError when the value is neither a Float32Array nor a live Matrix of this memory.
   */
  constructor(call: string, argument: string, value: unknown, memory: LinearMemory) {
    this.argument = argument;
    this.#memory = memory;
    if (value instanceof LinearMatrix) {
      this.pointer = LinearMatrix.pointerOf(call, argument, value, memory);
      this.length = value.rows * value.cols;
      this.value = value;
    } else if (isFloat32Array(value)) {
      checkAttached(call, argument, value);
      // A view of this very memory (a matrix's data, say) is used where it lies: growth would detach the view itself.
      this.pointer = value.buffer === memory.buffer ? value.byteOffset : undefined;
      this.length = value.length;
      this.value = value;
    } else {
      throw typeError(call, argument, "a Float32Array or a Matrix", value);
    }
  }

  get isMatrix(): boolean {
    return this.value instanceof LinearMatrix;
  }

  /** Whether the elements lie in linear memory. */
  get isResident(): boolean {
    return this.pointer !== undefined;
  }

  /** Where a kernel finds `count` elements from `start` on: in place, or copied to `scratch`. */
  read(start: number, count: number, scratch: number): number {
    if (this.pointer !== undefined) return this.pointer + start * 4;
    const array = this.value as Float32Array;
    this.#memory.f32.set(count === array.length ? array : array.subarray(start, start + count), scratch / 4);
    return scratch;
  }

  /** Where a kernel is to put elements from `start` on: in place, or in `scratch`, for {@link write} to fetch. */
  target(start: number, scratch: number): number {
    return this.pointer !== undefined ? this.pointer + start * 4 : scratch;
  }

  /** Hands `count` elements that a kernel put into `scratch` to the caller's array. */
  write(start: number, count: number, scratch: number): void {
    if (this.pointer !== undefined) return;
    (this.value as Float32Array).set(this.#memory.f32.subarray(scratch / 4, scratch / 4 + count), start);
  }

  /** The argument as the caller gets it back: a view that growth has detached in the meantime is made anew. */
  result(): Float32Array | LinearMatrix {
    const { value, pointer, length } = this;
    if (pointer === undefined || value instanceof LinearMatrix || value.length === length) return value;
    return this.#memory.view(pointer, length);
  }

  get span(): Span {
    const { argument, value, pointer, length } = this;
    if (pointer === undefined) return spanOf(argument, value as Float32Array);
    return { argument, buffer: this.#memory.buffer, start: pointer, end: pointer + length * 4 };
  }
}

/** The number of rows in a batch of rows of `size`. */
export function checkRows(call: string, operand: Operand, size: number): number {
  const { argument, value, length } = operand;
  if (value instanceof LinearMatrix) {
    if (value.cols !== size) throw rangeError(call, argument, `rows of size ${size}`, `${value.rows} x ${value.cols}`);
  } else if (length % size !== 0) {
    throw rangeError(call, argument, `a length that is a multiple of size ${size}`, `${length}`);
  }
  return length / size;
}

/** Refuses a batch that is of another kind (array, matrix) or another shape than the model. */
export function checkLike(call: string, operand: Operand, model: Operand): void {
  if (operand.isMatrix !== model.isMatrix) {
    const kind = model.isMatrix ? "a Matrix" : "a Float32Array";
    throw typeError(call, operand.argument, `${kind}, as ${model.argument} is`, operand.value);
  }
  if (operand.length !== model.length || colsOf(operand) !== colsOf(model)) {
    throw rangeError(call, operand.argument, `the shape of ${model.argument}, ${shapeOf(model)}`, shapeOf(operand));
  }
}

/** Refuses anything but `size` elements. */
export function checkColumn(call: string, operand: Operand, size: number): void {
  if (operand.length !== size) throw rangeError(call, operand.argument, `${size} elements`, shapeOf(operand));
}

/** The length of a matrix's rows; arrays have none of their own. */
function colsOf({ value }: Operand): number | undefined {
  return value instanceof LinearMatrix ? value.cols : undefined;
}

function shapeOf(operand: Operand): string {
  const { value, length } = operand;
  return value instanceof LinearMatrix ? `${value.rows} x ${value.cols}` : `${length}`;
}

/**
 * Refuses an output that shares memory with another argument, of which one would be overwritten before it is read.
 * Where `same` is set, both may be one and the same.
 */
export function checkApart(call: string, output: Operand, other: Operand | Span | undefined, same = false): void {
  if (other === undefined || areApart(output, other)) return;
  const a = output.span;
  const b = other instanceof Operand ? other.span : other;
  if (a.buffer !== b.buffer || Math.max(a.start, b.start) >= Math.min(a.end, b.end)) return;
  if (same && a.start === b.start && a.end === b.end) return;
  const expected = same ? `${b.argument} itself, or memory apart from it` : `memory apart from ${b.argument}`;
  throw rangeError(call, output.argument, expected, `bytes ${a.start} to ${a.end} over bytes ${b.start} to ${b.end}`);
}

/** What most checks come to, in less time than it takes to ask for a buffer: two places in linear memory, or one outside. */
function areApart(a: Operand, b: Operand | Span): boolean {
  if (!(b instanceof Operand)) return false;
  const { pointer: p } = a;
  const { pointer: q } = b;
  if (p === undefined || q === undefined) return p !== q;
  return Math.max(p, q) >= Math.min(p + a.length * 4, q + b.length * 4);
}
