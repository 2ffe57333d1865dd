import { bufferOf, byteOffsetOf, copyInto, kindOf, lengthOf, makeArray } from "./arrays.js";
import { writeTransfer } from "./call.js";
import { rangeError, typeError } from "./checks.js";
import type { CallContext } from "./context.js";
import { arraysOf, BYTES, CODES, type Elements, elementsOf, holds } from "./dtypes.js";
import { checkPlace, inheritOwner, isDisguised, type LinearMatrix, placeOf } from "./matrix.js";
import { aligned, type LinearMemory } from "./memory.js";
import type { Occupant, Span } from "./overlap.js";
import { canShare, countError, rowsIn } from "./shapes.js";
import type { Passing, Tile } from "./tiles.js";
import type { DType, HostArray } from "./types.js";

/**
 * A batch that a call was given, `rows x size`. Its elements lie in linear memory or in an array of the caller. Kernels use
 * f32 in linear memory in place. All other elements pass through a tile of f32 in the scratch area: rows are copied into it
 * before a kernel runs, and results are copied out of it afterwards.
 */
export class Operand implements Occupant, Passing {
  readonly argument: string;
  readonly value: HostArray | LinearMatrix;
  readonly rows: number;
  readonly size: number;
  /** Elements from the start of one row to the start of the next. */
  readonly stride: number;
  /** Address in linear memory; undefined if the elements lie elsewhere. */
  readonly pointer: number | undefined;
  /** The buffer of the caller's array; undefined if the elements lie in linear memory. Asked once: engines are slow at it. */
  readonly buffer: ArrayBufferLike | undefined;
  readonly isMatrix: boolean;
  /** Where a call that has room for all of it finds the elements: at the pointer, or where {@link enter} has copied them to. */
  address: number;
  readonly #memory: LinearMemory;
  readonly #dtype: DType;
  /** The elements of the caller's array; undefined for a matrix. */
  readonly #elements: Elements | undefined;
  /** The length of the caller's array when the call began. Growth of the memory may have detached the array since. */
  readonly #length: number;

  /**
   * @param stride elements from row to row. Default: the length of a row.
   * @param sharing for a gain, a bias or a gradient of one, which a matrix of any shape may hold: the rows of the batch. If `size`
   * elements are all there may be, 1.
   * @throws TypeError if the value is neither an array of the dtype nor a live Matrix of this dtype and memory; RangeError
   * if its shape does not fit.
   */
  constructor(context: CallContext, argument: string, value: unknown, stride = context.size, sharing?: number) {
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
      // A gain of a call on arrays may be a matrix in the memory that threads share.
      const isHere = place.memory === memory;
      this.pointer = isHere ? place.pointer : undefined;
      this.rows = sharing === undefined ? rows : (rows * cols) / size;
      this.#elements = isHere ? undefined : place.view();
      this.buffer = isHere ? undefined : place.memory.buffer;
      this.#length = isHere ? 0 : rows * cols;
      if (sharing !== undefined) {
        if (!canShare(this.rows, sharing)) throw countError(context, argument, sharing, `${rows} x ${cols}`);
      } else if (cols !== stride) {
        const expected = `rows of ${stride === size ? "size" : "rowStride"} ${stride}`;
        throw rangeError(call, argument, expected, `${rows} x ${cols}`);
      }
    } else {
      const elements = arrayOf(context, argument, value);
      const length = lengthOf(elements);
      // A view of this memory, such as the data of a matrix, is used by its address, because growth would detach the view.
      const { forMatrices } = memory;
      const buffer = bufferOf(elements);
      const address = forMatrices.owns(buffer) ? byteOffsetOf(elements) : undefined;
      const isHere = forMatrices === memory && address !== undefined;
      this.pointer = isHere ? address : undefined;
      // Elsewhere in the memory of matrices, views from before it grew are views of the same.
      this.buffer = isHere ? undefined : address === undefined ? buffer : forMatrices.buffer;
      if (address !== undefined && length > 0 && !forMatrices.blocks.hold(address, length * BYTES[dtype])) {
        throw new TypeError(
          `${call}: ${argument}: expected an array in the memory of one live Matrix, got one that reaches beyond it, ` +
            "or whose Matrix was freed",
        );
      }
      this.#elements = elements;
      this.#length = length;
      if (sharing !== undefined && !canShare(length / size, sharing)) {
        throw countError(context, argument, sharing, `${length}`);
      }
      this.rows = rowsIn(context, argument, length, stride);
    }
    this.address = this.pointer ?? 0;
  }

  /** An operand for gain or bias, or for the gradient of one: a row for each sample. `sharing` is as above. */
  static param(context: CallContext, argument: string, value: unknown, sharing: number): Operand {
    return new Operand(context, argument, value, context.size, sharing);
  }

  /** Whether kernels use the elements in place. */
  get isInPlace(): boolean {
    return this.pointer !== undefined && this.#dtype === "f32";
  }

  /** The stride of the rows that kernels see, in bytes: those in place, or those in the tile. */
  get kernelStride(): number {
    return (this.isInPlace ? this.stride : this.size) * 4;
  }

  /** Whether results are rounded to 16 bits when they are written to it. */
  get isRounded(): boolean {
    return this.#dtype !== "f32";
  }

  /** Whether its rows pass through the scratch area as 16-bit elements. */
  get needsBits(): boolean {
    return this.#dtype !== "f32" && this.pointer === undefined;
  }

  /**
   * Returns the address of `count` rows as f32, starting at `row`. Copies them into the tile first if they are not in
   * place.
   */
  read(row: number, count: number, tile: Tile): number {
    if (this.isInPlace) return this.#at(row);
    const type = CODES[this.#dtype];
    if (this.pointer === undefined) this.#place(row, count, type ? tile.bits : tile.f32);
    if (type) {
      const { size } = this;
      const from = this.#bitsAt(row, tile);
      const memory = this.#memory;
      writeTransfer(memory, { type, from, fromStride: this.#bitsStride, to: tile.f32, toStride: size * 4, size });
      memory.abi.widenRows(memory.transfer, 0, count);
    }
    return tile.f32;
  }

  /**
   * The address where a kernel must write the rows from `row` on: in place, or in the tile, which {@link write} then
   * copies.
   */
  target(row: number, tile: Tile): number {
    return this.isInPlace ? this.#at(row) : tile.f32;
  }

  /** Copies `count` rows that a kernel wrote out of the tile, if they are not in place. `areNumbers` promises no NaN. */
  write(row: number, count: number, tile: Tile, areNumbers = false): void {
    if (this.isInPlace) return;
    const type = CODES[this.#dtype];
    if (type) {
      const { size } = this;
      const to = this.#bitsAt(row, tile);
      const memory = this.#memory;
      writeTransfer(memory, { type, from: tile.f32, fromStride: size * 4, to, toStride: this.#bitsStride, size });
      memory.abi.narrowRows(memory.transfer, 0, count, areNumbers ? 1 : 0);
    }
    if (this.pointer === undefined) this.#fetch(row, count, type ? tile.bits : tile.f32);
  }

  /** The bytes of the room that a kernel needs for f32 that are not in place. */
  get room(): number {
    return this.isInPlace ? 0 : aligned(this.rows * this.size * 4);
  }

  /** Moves to a room what is not in place: copies its f32 there, unless they are a result. Returns the address behind it. */
  enter(room: number, isResult = false): number {
    if (this.isInPlace) return room;
    this.address = room;
    if (!isResult) this.#place(0, this.rows, room);
    return room + this.room;
  }

  /** Copies out of the room what a kernel has written there. */
  leave(): void {
    if (!this.isInPlace) this.#fetch(0, this.rows, this.address);
  }

  /** The argument, as a result for the caller. A view that growth has detached meanwhile is replaced by a new one. */
  result(): HostArray | LinearMatrix {
    const { value, pointer } = this;
    if (this.isMatrix || pointer === undefined) return value;
    const array = value as HostArray;
    if (lengthOf(array) === this.#length) return array;
    const view = makeArray<HostArray>(kindOf(array) as string, this.#memory.buffer, pointer, this.#length);
    inheritOwner(view, array);
    return view;
  }

  /** All elements of an array. A view of linear memory is made anew, because growth may have detached the caller's. */
  get elements(): Elements {
    if (this.pointer === undefined) return this.#elements as Elements;
    return this.#memory.view(this.#dtype, this.pointer, this.#length);
  }

  /** Bytes from the start of the first element to the end of the last. */
  get bytes(): number {
    if (this.rows === 0) return 0;
    return ((this.rows - 1) * this.stride + this.size) * BYTES[this.#dtype];
  }

  /** The bytes that the batch takes up. */
  get span(): Span {
    const bytes = BYTES[this.#dtype];
    const elements = this.#elements as Elements;
    const start = this.pointer ?? byteOffsetOf(elements);
    return {
      argument: this.argument,
      buffer: this.buffer ?? this.#memory.buffer,
      start,
      end: start + this.bytes,
      run: this.size * bytes,
      stride: this.stride * bytes,
    };
  }

  /** The shape of the batch, in words for error messages. */
  get shape(): string {
    if (this.isMatrix) return `${this.rows} x ${this.size}`;
    return this.stride === this.size ? `${this.#length}` : `${this.rows} x ${this.size}, rows ${this.stride} apart`;
  }

  /** The address of a row in linear memory. */
  #at(row: number): number {
    return (this.pointer as number) + row * this.stride * BYTES[this.#dtype];
  }

  /** The address of the 16-bit elements of a row: in place, or in the tile. */
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
    const memory = this.#memory;
    const dtype = this.#dtype;
    const elements = this.#elements as Elements;
    if (stride === size) {
      copyInto(elements, memory.part(dtype, from, count * size), row * size);
      return;
    }
    const rowBytes = size * BYTES[dtype];
    for (let i = 0; i < count; i++) {
      copyInto(elements, memory.view(dtype, from + i * rowBytes, size), (row + i) * stride);
    }
  }

  /** A view of `length` elements of the caller's array, from index `start` on, or the array itself if that is all of it. */
  #part(start: number, length: number): Elements {
    const elements = this.#elements as Elements;
    if (length === this.#length) return elements;
    const bytes = BYTES[this.#dtype];
    return makeArray(
      kindOf(elements) as string,
      this.buffer as ArrayBufferLike,
      byteOffsetOf(elements) + start * bytes,
      length,
    );
  }
}

/** The address at which a kernel finds an operand; 0 if the operand is absent. */
export function addressOf(operand: Operand | undefined): number {
  return operand === undefined ? 0 : operand.address;
}

/** The elements of an argument that is not a matrix. */
function arrayOf({ call, dtype }: CallContext, argument: string, value: unknown): Elements {
  if (holds(value, dtype)) return elementsOf(call, argument, value, dtype);
  // What else it may be is asked only if it is no array: that takes time.
  if (!isDisguised(value)) throw typeError(call, argument, `${arraysOf(dtype)} or a Matrix`, value);
  throw new TypeError(
    `${call}: ${argument}: expected a Matrix itself, got a Proxy of one, as reactive frameworks make`,
  );
}
