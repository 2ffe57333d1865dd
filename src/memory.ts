import type { Abi } from "./abi.js";
import { bufferOf, byteOffsetOf, lengthOf } from "./arrays.js";
import { type Block, Blocks } from "./blocks.js";
import type { Elements } from "./dtypes.js";
import { CALL, TRANSFER } from "./layout.js";
import type { DType } from "./types.js";

/** Blocks of the allocator are limited to this many bytes. */
const LARGEST_BLOCK = 2 ** 30 - 4;

/** The scratch area is kept between calls up to this size; more, which one long row can need, is given back. */
const SCRATCH_KEPT = 4 * 2 ** 20;

/**
 * Blocks of a page and more end in as many bytes that nothing uses. Two batches of whole pages, one after the other, would
 * otherwise lie 16 bytes from the same place in their pages, and a processor that compares addresses within a page first
 * takes each store to the one for the next load of the other: a third slower.
 */
const PAGE = 4096;
const SPACE = 64;

/** The scratch area begins with the block of a call and that of a transfer. */
const TRANSFER_AT = aligned(CALL.bytes);
const BLOCK_BYTES = TRANSFER_AT + aligned(TRANSFER.bytes);

/** A loop copies as many numbers before a view of them could be made. */
const FEW = 64;

/** A part of a caller's array, by no method of its own. */
function partOf(array: Float64Array, start: number, count: number): Float64Array {
  return new Float64Array(bufferOf(array), byteOffsetOf(array) + start * 8, count);
}

/** Rounds up to what the kernels' vectors are aligned to. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}

/**
 * The linear memory: blocks for matrices, one scratch area for everything else, views of both. The only file that
 * touches `WebAssembly.Memory`.
 */
export class LinearMemory {
  /** Where matrices lie. */
  readonly blocks = new Blocks();
  /** The kernels that work on it. */
  readonly abi: Abi;
  readonly #memory: WebAssembly.Memory;
  #f32: Float32Array;
  #f64: Float64Array;
  #u16: Uint16Array;
  #u32: Uint32Array;
  #scratch = 0;
  #scratchBytes = 0;

  constructor(memory: WebAssembly.Memory, abi: Abi) {
    this.#memory = memory;
    this.abi = abi;
    this.#f32 = new Float32Array(memory.buffer);
    this.#f64 = new Float64Array(memory.buffer);
    this.#u16 = new Uint16Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  get buffer(): ArrayBuffer {
    return this.#memory.buffer;
  }

  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** All of it as f32. Good until the next allocation, which may grow the memory and detach every view: to length 0. */
  get f32(): Float32Array {
    if (this.#f32.length === 0) this.#f32 = new Float32Array(this.#memory.buffer);
    return this.#f32;
  }

  /** All of it as f64, as good as {@link f32}. */
  get f64(): Float64Array {
    if (this.#f64.length === 0) this.#f64 = new Float64Array(this.#memory.buffer);
    return this.#f64;
  }

  /** All of it as 16-bit elements, as good as {@link f32}. */
  get u16(): Uint16Array {
    if (this.#u16.length === 0) this.#u16 = new Uint16Array(this.#memory.buffer);
    return this.#u16;
  }

  /** All of it as addresses and whole numbers, as good as {@link f32}. */
  get u32(): Uint32Array {
    if (this.#u32.length === 0) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32;
  }

  /** All of it as elements of a dtype. */
  elements(dtype: DType): Elements {
    return dtype === "f32" ? this.f32 : this.u16;
  }

  /** A live view of its own, for the caller to keep. */
  view(dtype: DType, pointer: number, length: number): Elements {
    const { buffer } = this.#memory;
    return dtype === "f32" ? new Float32Array(buffer, pointer, length) : new Uint16Array(buffer, pointer, length);
  }

  /**
   * A block of memory, 16-byte aligned.
   *
   * @throws RangeError when there is none to be had; everything is as before then.
   */
  allocate(call: string, bytes: number): number {
    const block = bytes < PAGE ? bytes : bytes + SPACE;
    if (block <= LARGEST_BLOCK) {
      try {
        return this.abi.alloc(block) >>> 0;
      } catch (error) {
        // The allocator traps where the memory cannot grow, before it has changed anything.
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      }
    }
    throw new RangeError(
      `${call}: memory: expected room for ${bytes} bytes more, got none ` +
        `(linear memory has ${this.size} bytes, matrices hold ${this.used}, one block at most ${LARGEST_BLOCK})`,
    );
  }

  /** Bytes that matrices hold. */
  get used(): number {
    return this.blocks.bytes;
  }

  /**
   * A block for a matrix.
   *
   * @throws RangeError as {@link allocate} does.
   */
  takeBlock(call: string, bytes: number): Block {
    const block = { pointer: this.allocate(call, bytes), bytes };
    this.blocks.add(block);
    return block;
  }

  /** Gives a matrix's block back. */
  dropBlock(block: Block): void {
    this.blocks.remove(block);
    this.abi.free(block.pointer);
  }

  /**
   * The scratch area, `bytes` of it or more; one call at a time has it, and gives it back by {@link release}. The blocks that
   * kernels read lie before it: that of a {@link call} and that of a {@link transfer}.
   *
   * @throws RangeError as {@link allocate} does.
   */
  scratch(call: string, bytes: number): number {
    if (bytes > this.#scratchBytes || this.#scratch === 0) {
      this.#dropScratch();
      this.#scratch = this.allocate(call, BLOCK_BYTES + bytes);
      this.#scratchBytes = bytes;
    }
    return this.#scratch + BLOCK_BYTES;
  }

  /** Where the call that has the scratch area is written. */
  get call(): number {
    return this.#scratch;
  }

  /** Where a transfer of rows from one place to another is written, by whoever has the scratch area. */
  get transfer(): number {
    return this.#scratch + TRANSFER_AT;
  }

  /** Gives back what {@link allocate} gave. */
  free(pointer: number): void {
    this.abi.free(pointer);
  }

  release(): void {
    if (this.#scratchBytes > SCRATCH_KEPT) this.#dropScratch();
  }

  /** Copies `count` numbers from linear memory into `array`, one of our own, from `start` on. */
  fetch(array: Float64Array, start: number, pointer: number, count: number): void {
    const { f64 } = this;
    const from = pointer / 8;
    if (count > FEW) array.set(f64.subarray(from, from + count), start);
    else for (let i = 0; i < count; i++) array[start + i] = f64[from + i] as number;
  }

  /** Copies `count` numbers of `array`, from `start` on, into linear memory. */
  place(array: Float64Array, start: number, pointer: number, count: number): void {
    const { f64 } = this;
    const to = pointer / 8;
    if (count > FEW) f64.set(count === lengthOf(array) ? array : partOf(array, start, count), to);
    else for (let i = 0; i < count; i++) f64[to + i] = array[start + i] as number;
  }

  /** Sets `bytes`, a multiple of 8, to zero. */
  clear(pointer: number, bytes: number): void {
    this.f64.fill(0, pointer / 8, (pointer + bytes) / 8);
  }

  /** The array itself, or a copy of one that lies in this memory, whose growth would detach it. */
  outside(array: Float64Array): Float64Array {
    return bufferOf(array) === this.#memory.buffer ? new Float64Array(array) : array;
  }

  #dropScratch(): void {
    if (this.#scratch > 0) this.abi.free(this.#scratch);
    this.#scratch = 0;
    this.#scratchBytes = 0;
  }
}
