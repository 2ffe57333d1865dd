import { bufferOf, byteOffsetOf, copyInto, kindOf, lengthOf, makeArray } from "./arrays.js";
import { writeTransfer } from "./call.js";
import { rangeError, typeError } from "./checks.js";
import type { CallContext } from "./context.js";
import { arraysOf, BYTES, CODES, type Elements, elementsOf } from "./dtypes.js";
import { checkPlace, inheritOwner, isDisguised, type LinearMatrix, placeOf } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import type { Occupant, Span } from "./overlap.js";
import type { Passing, Tile } from "./tiles.js";
import type { DType, HostArray } from "./types.js";

/**
 * A batch that a call was given, `rows x size`, and where its elements lie: in linear memory, or with the caller, from
 * where they pass through the scratch area tile by tile. What is f32 and in linear memory is used in place; anything else
 * is brought into a tile of f32 before a kernel runs, and from there to where it belongs.
 */
export class Operand implements Occupant, Passing {
  readonly argument: string;
  readonly value: HostArray | LinearMatrix;
  readonly rows: number;
  readonly size: number;
  /** From the start of one row to that of the next, in elements. */
  readonly stride: number;
  /** Byte offset in linear memory; undefined for elements with the caller. */
  readonly pointer: number | undefined;
  readonly isMatrix: boolean;
  readonly #memory: LinearMemory;
  readonly #dtype: DType;
  /** The caller's elements; for a matrix none. */
  readonly #elements: Elements | undefined;
  /** Of the caller's array, which may be detached since. */
  readonly #length: number;

  /**
   * @param stride from row to row; the length of a row where the caller says nothing.
   * @param isColumn one row, which a matrix may hold in any shape.
   * @throws TypeError when the value is neither an array of the dtype nor a live Matrix of it and of this memory;
   * RangeError when it does not consist of rows.
   */
  constructor(context: CallContext, argument: string, value: unknown, stride = context.size, isColumn = false) {
    const { call, memory, dtype, size } = context;
    this.argument = argument;
    this.size = size;
    this.stride = stride;
    this.#memory = memory;
    this.#dtype = dtype;
    this.value = value as HostArray | LinearMatrix;
    const place = placeOf(value);
    this.isMatrix = place !== undefined;
    if (place !== undefined) {
      checkPlace(context, argument, place);
      const { rows, cols } = place;
      this.pointer = place.pointer;
      this.rows = isColumn ? (rows * cols) / size : rows;
      this.#elements = undefined;
      this.#length = 0;
      if (isColumn ? this.rows !== 1 : cols !== stride) {
        const expected = isColumn ? `${size} elements` : `rows of ${stride === size ? "size" : "rowStride"} ${stride}`;
        throw rangeError(call, argument, expected, `${rows} x ${cols}`);
      }
    } else {
      const elements = arrayOf(context, argument, value);
      const length = lengthOf(elements);
      // A view of this very memory (a matrix's data, say) is used where it lies: growth would detach the view itself.
      this.pointer = bufferOf(elements) === memory.buffer ? byteOffsetOf(elements) : undefined;
      if (this.pointer !== undefined && length > 0 && !memory.blocks.hold(this.pointer, length * BYTES[dtype])) {
        throw new TypeError(
          `${call}: ${argument}: expected an array in the memory of one live Matrix, got one that reaches beyond it, ` +
            "or whose Matrix was freed",
        );
      }
      this.#elements = elements;
      this.#length = length;
      if (isColumn && length !== size) throw rangeError(call, argument, `${size} elements`, `${length}`);
      this.rows = rowsIn(context, argument, length, stride);
    }
  }

  /** gain or bias, or the gradient of one: `size` elements. */
  static column(context: CallContext, argument: string, value: unknown): Operand {
    return new Operand(context, argument, value, context.size, true);
  }

  /** Whether kernels use it where it lies. */
  get isInPlace(): boolean {
    return this.pointer !== undefined && this.#dtype === "f32";
  }

  /** Between the rows that kernels see, in bytes. */
  get kernelStride(): number {
    return (this.isInPlace ? this.stride : this.size) * 4;
  }

  /** Whether what is written to it is rounded to fewer bits than kernels give. */
  get isRounded(): boolean {
    return this.#dtype !== "f32";
  }

  /** Whether its rows pass through 16 bits of the scratch area. */
  get needsBits(): boolean {
    return this.#dtype !== "f32" && this.pointer === undefined;
  }

  /** Where a kernel finds `count` rows from `row` on, as f32: in place, or in the tile, to which they are brought. */
  read(row: number, count: number, tile: Tile): number {
    if (this.isInPlace) return this.#at(row);
    const type = CODES[this.#dtype];
    if (this.pointer === undefined) this.#place(row, count, type ? tile.bits : tile.f32);
    if (type) {
      const { size } = this;
      const from = this.#bitsAt(row, tile);
      const memory = this.#memory;
      writeTransfer(memory, { type, from, fromStride: this.#bitsStride, to: tile.f32, toStride: size * 4, size });
      memory.abi.widenRows(memory.transfer, count);
    }
    return tile.f32;
  }

  /** Where a kernel is to put rows from `row` on: in place, or in the tile, from which {@link write} takes them. */
  target(row: number, tile: Tile): number {
    return this.isInPlace ? this.#at(row) : tile.f32;
  }

  /** Hands `count` rows that a kernel put into the tile to where they belong; `areNumbers` where they are known to be. */
  write(row: number, count: number, tile: Tile, areNumbers = false): void {
    if (this.isInPlace) return;
    const type = CODES[this.#dtype];
    if (type) {
      const { size } = this;
      const to = this.#bitsAt(row, tile);
      const memory = this.#memory;
      writeTransfer(memory, { type, from: tile.f32, fromStride: size * 4, to, toStride: this.#bitsStride, size });
      memory.abi.narrowRows(memory.transfer, count, areNumbers ? 1 : 0);
    }
    if (this.pointer === undefined) this.#fetch(row, count, type ? tile.bits : tile.f32);
  }

  /** The argument as the caller gets it back: a view that growth has detached in the meantime is made anew. */
  result(): HostArray | LinearMatrix {
    const { value, pointer } = this;
    if (this.isMatrix || pointer === undefined) return value;
    const array = value as HostArray;
    if (lengthOf(array) === this.#length) return array;
    const view = makeArray<HostArray>(kindOf(array) as string, this.#memory.buffer, pointer, this.#length);
    inheritOwner(view, array);
    return view;
  }

  /** All elements of an array, as they lie: in linear memory where it is a view of that, whatever growth has detached. */
  get elements(): Elements {
    if (this.pointer === undefined) return this.#elements as Elements;
    return this.#memory.view(this.#dtype, this.pointer, this.#length);
  }

  /** Bytes from the first element to behind the last. */
  get bytes(): number {
    if (this.rows === 0) return 0;
    return ((this.rows - 1) * this.stride + this.size) * BYTES[this.#dtype];
  }

  get span(): Span {
    const bytes = BYTES[this.#dtype];
    const start = this.pointer ?? byteOffsetOf(this.#elements as Elements);
    return {
      argument: this.argument,
      buffer: this.pointer === undefined ? bufferOf(this.#elements as Elements) : this.#memory.buffer,
      start,
      end: start + this.bytes,
      run: this.size * bytes,
      stride: this.stride * bytes,
    };
  }

  /** The batch's shape, in words. */
  get shape(): string {
    if (this.isMatrix) return `${this.rows} x ${this.size}`;
    return this.stride === this.size ? `${this.#length}` : `${this.rows} x ${this.size}, rows ${this.stride} apart`;
  }

  /** Where a row lies in linear memory. */
  #at(row: number): number {
    return (this.pointer as number) + row * this.stride * BYTES[this.#dtype];
  }

  /** Where the 16-bit elements of a row lie in linear memory: their own, or the scratch area's. */
  #bitsAt(row: number, tile: Tile): number {
    return this.pointer === undefined ? tile.bits : this.#at(row);
  }

  get #bitsStride(): number {
    return (this.pointer === undefined ? this.size : this.stride) * BYTES[this.#dtype];
  }

  /** Copies rows of the caller's array into linear memory. */
  #place(row: number, count: number, to: number): void {
    const { size, stride } = this;
    const place = this.#memory.elements(this.#dtype);
    const at = to / BYTES[this.#dtype];
    if (stride === size) {
      place.set(this.#part(row * size, count * size), at);
      return;
    }
    for (let i = 0; i < count; i++) place.set(this.#part((row + i) * stride, size), at + i * size);
  }

  /** Copies rows from linear memory into the caller's array. */
  #fetch(row: number, count: number, from: number): void {
    const { size, stride } = this;
    const elements = this.#elements as Elements;
    const place = this.#memory.elements(this.#dtype);
    const at = from / BYTES[this.#dtype];
    if (stride === size) {
      copyInto(elements, place.subarray(at, at + count * size), row * size);
      return;
    }
    for (let i = 0; i < count; i++) {
      copyInto(elements, place.subarray(at + i * size, at + (i + 1) * size), (row + i) * stride);
    }
  }

  /** Elements of the caller's array, from index `start` on: the array itself where that is all of them. */
  #part(start: number, length: number): Elements {
    const elements = this.#elements as Elements;
    if (length === this.#length) return elements;
    const bytes = BYTES[this.#dtype];
    return makeArray(kindOf(elements) as string, bufferOf(elements), byteOffsetOf(elements) + start * bytes, length);
  }
}

/** Where an operand in linear memory lies; 0 stands for one that is absent. */
export function addressOf(operand: Operand | undefined): number {
  return operand === undefined ? 0 : (operand.pointer as number);
}

/** The elements of an argument that is no matrix. */
function arrayOf({ call, dtype }: CallContext, argument: string, value: unknown): Elements {
  if (isDisguised(value)) {
    throw new TypeError(
      `${call}: ${argument}: expected a Matrix itself, got a Proxy of one, as reactive frameworks make`,
    );
  }
  return elementsOf(call, argument, value, dtype);
}

/** The number of rows in so many elements. What follows the last row, less than a stride, need not be there. */
function rowsIn({ call, size }: CallContext, argument: string, length: number, stride: number): number {
  const rest = length % stride;
  if (rest !== 0 && rest < size) {
    const expected =
      stride === size
        ? `a length that is a multiple of size ${size}`
        : `a length of whole rows of size ${size}, rowStride ${stride} apart`;
    throw rangeError(call, argument, expected, `${length}`);
  }
  return Math.ceil(length / stride);
}

/** Refuses a batch that is of another kind (array, matrix) or another shape than the model. */
export function checkLike({ call, dtype }: CallContext, operand: Operand, model: Operand): void {
  if (operand.isMatrix !== model.isMatrix) {
    const kind = model.isMatrix ? "a Matrix" : arraysOf(dtype);
    throw typeError(call, operand.argument, `${kind}, as ${model.argument} is`, operand.value);
  }
  if (operand.rows !== model.rows) {
    throw rangeError(call, operand.argument, `the shape of ${model.argument}, ${model.shape}`, operand.shape);
  }
}
