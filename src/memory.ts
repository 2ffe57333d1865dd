import type { Abi, SharingAbi } from "./abi.js";
import { bufferOf, byteOffsetOf, lengthOf } from "./arrays.js";
import { type Block, Blocks } from "./blocks.js";
import { BYTES, type Elements } from "./dtypes.js";
import { CALL, TRANSFER } from "./layout.js";
import { isSharedBuffer } from "./shared-memory.js";
import type { DType } from "./types.js";

/** The largest block that the allocator can give, in bytes. */
const LARGEST_BLOCK = 2 ** 30 - 4;

/** A scratch area up to this size is kept between calls. A larger one, which a single long row can need, is freed. */
const SCRATCH_KEPT = 4 * 2 ** 20;

/**
 * Blocks of a page or more get SPACE unused bytes at the end. Without them, two contiguous batches of whole pages would
 * have almost the same addresses within their pages, 16 bytes apart. Processors that first compare only the address within
 * the page make each load from one batch wait for the last store to the other: a third slower.
 */
const PAGE = 4096;
const SPACE = 64;

/** The scratch area begins with two blocks: that of a call, then that of a transfer. */
const TRANSFER_AT = aligned(CALL.bytes);
const BLOCK_BYTES = TRANSFER_AT + aligned(TRANSFER.bytes);

/** A loop copies up to this many numbers in less time than it takes to make a view of them. */
const FEW = 64;

/** A view of a part of a caller's array. Calls no method of the array, which the caller may have redefined. */
function partOf(array: Float64Array, start: number, count: number): Float64Array {
  return new Float64Array(bufferOf(array), byteOffsetOf(array) + start * 8, count);
}

/** Rounds up to a multiple of 16 bytes, the size of a vector. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}

/**
 * The linear memory: blocks for matrices and prepared calls, one scratch area for everything else, and views of all. Only
 * this class uses the `WebAssembly.Memory` of an instance.
 */
export class LinearMemory {
  /** The blocks of live matrices. */
  readonly blocks = new Blocks();
  /** The kernels that work on this memory. */
  readonly abi: Abi;
  /**
   * The memory for calls on arrays: this one, unless threads share it. Then `forMatrices` is the shared memory, in which
   * matrices lie.
   */
  readonly forArrays: LinearMemory;
  forMatrices: LinearMemory;
  readonly #memory: WebAssembly.Memory;
  readonly #isShared: boolean;
  readonly #sharing: SharingAbi | undefined;
  /** The buffers of a shared memory before it grew. They are not detached: views of them still show the memory. */
  readonly #earlier = new WeakSet<object>();
  #buffer: ArrayBuffer;
  #f32: Float32Array;
  #f64: Float64Array;
  #u8: Uint8Array;
  #u16: Uint16Array;
  #u32: Uint32Array;
  #part: Elements = new Float32Array(0);
  #partAt = 0;
  #scratch = 0;
  #scratchBytes = 0;

  /**
   * @param forArrays the memory for calls on arrays, if they have one of their own.
   * @param sharing the kernels, if threads share rows.
   */
  constructor(memory: WebAssembly.Memory, abi: Abi, forArrays?: LinearMemory, sharing?: SharingAbi) {
    this.#memory = memory;
    this.#buffer = memory.buffer;
    this.#isShared = isSharedBuffer(memory.buffer);
    this.abi = abi;
    this.#sharing = sharing;
    this.forMatrices = this;
    this.forArrays = forArrays ?? this;
    this.forArrays.forMatrices = this;
    this.#f32 = new Float32Array(memory.buffer);
    this.#f64 = new Float64Array(memory.buffer);
    this.#u8 = new Uint8Array(memory.buffer);
    this.#u16 = new Uint16Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  get buffer(): ArrayBuffer {
    // What threads set aside makes a shared memory grow beside allocate().
    if (this.#isShared && this.#memory.buffer !== this.#buffer) this.#noticeGrowth();
    return this.#buffer;
  }

  get size(): number {
    return this.buffer.byteLength;
  }

  /** The kernels for a call on so many elements. */
  kernelsFor(elements: number): Abi {
    const sharing = this.#sharing;
    return sharing !== undefined && elements < sharing.least ? sharing.alone : this.abi;
  }

  /** Whether an array's buffer is that of this memory, now or before it grew. */
  owns(buffer: ArrayBufferLike): boolean {
    // The set is asked last, because engines are slow at it. Callers have no buffer that was never the present one.
    return buffer === this.#buffer || (this.#isShared && isSharedBuffer(buffer) && this.#earlier.has(buffer));
  }

  /** All of the memory as f32. Valid until the next allocation, which may grow the memory: then every view is detached. */
  get f32(): Float32Array {
    return this.#f32;
  }

  /** All of the memory as f64, valid as long as {@link f32}. */
  get f64(): Float64Array {
    return this.#f64;
  }

  /** All of the memory as 16-bit elements, valid as long as {@link f32}. */
  get u16(): Uint16Array {
    return this.#u16;
  }

  /** All of the memory as addresses and integers, valid as long as {@link f32}. */
  get u32(): Uint32Array {
    return this.#u32;
  }

  /** All of the memory as elements of a dtype, valid as long as {@link f32}. */
  elements(dtype: DType): Elements {
    return dtype === "f32" ? this.f32 : this.u16;
  }

  /** A part of the memory, to copy from at once. Calls of one shape ask for the same part again: the last one is kept. */
  part(dtype: DType, pointer: number, length: number): Elements {
    const last = this.#part;
    const isSame = last.length === length && last.BYTES_PER_ELEMENT === BYTES[dtype] && this.#partAt === pointer;
    if (!isSame) {
      this.#part = this.view(dtype, pointer, length);
      this.#partAt = pointer;
    }
    return this.#part;
  }

  /** A new view of a part of the memory, for the caller. */
  view(dtype: DType, pointer: number, length: number): Elements {
    const { buffer } = this;
    return dtype === "f32" ? new Float32Array(buffer, pointer, length) : new Uint16Array(buffer, pointer, length);
  }

  /**
   * Allocates a block, 16-byte aligned.
   *
   * @throws RangeError if the memory is exhausted. Nothing has changed then.
   */
  allocate(call: string, bytes: number): number {
    const block = bytes < PAGE ? bytes : bytes + SPACE;
    if (block <= LARGEST_BLOCK) {
      try {
        const pointer = this.abi.alloc(block) >>> 0;
        // Asked here, once, because engines are slow to give the buffer of a memory.
        if (this.#memory.buffer !== this.#buffer) this.#noticeGrowth();
        return pointer;
      } catch (error) {
        // The allocator traps if the memory cannot grow. It has changed nothing at that point.
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      }
    }
    throw new RangeError(
      `${call}: memory: expected room for ${bytes} bytes more, got none ` +
        `(linear memory has ${this.size} bytes, matrices hold ${this.used}, one block at most ${LARGEST_BLOCK})`,
    );
  }

  /** Total bytes of live matrices. */
  get used(): number {
    return this.blocks.bytes;
  }

  /**
   * Allocates the block of a matrix.
   *
   * @throws RangeError as {@link allocate} does.
   */
  takeBlock(call: string, bytes: number): Block {
    const block = { pointer: this.allocate(call, bytes), bytes };
    this.blocks.add(block);
    return block;
  }

  /** Frees the block of a matrix. */
  dropBlock(block: Block): void {
    this.blocks.remove(block);
    this.abi.free(block.pointer);
  }

  /**
   * The address of the scratch area, with room for `bytes`. Only one call at a time uses it, and calls {@link release} at
   * its end. Before it lie the blocks of the {@link call} and of its {@link transfer}.
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

  /** The address of the block of the call that uses the scratch area. */
  get call(): number {
    return this.#scratch;
  }

  /** The address of the block of a transfer, for the call that uses the scratch area. */
  get transfer(): number {
    return this.#scratch + TRANSFER_AT;
  }

  /** Frees a block that {@link allocate} returned. */
  free(pointer: number): void {
    this.abi.free(pointer);
  }

  /** Ends the use of the scratch area. Frees it if it is too large to be kept. */
  release(): void {
    if (this.#scratchBytes > SCRATCH_KEPT) this.#dropScratch();
  }

  /**
   * Copies `count` numbers from linear memory into `array`, starting at index `start`. Only for arrays that the package
   * made.
   */
  fetch(array: Float64Array, start: number, pointer: number, count: number): void {
    const { f64 } = this;
    const from = pointer / 8;
    if (count > FEW) array.set(f64.subarray(from, from + count), start);
    else for (let i = 0; i < count; i++) array[start + i] = f64[from + i] as number;
  }

  /** Copies `count` bytes from linear memory into `array`, starting at index `start`, with the same condition. */
  fetchBytes(array: Uint8Array, start: number, pointer: number, count: number): void {
    array.set(this.#u8.subarray(pointer, pointer + count), start);
  }

  /** Copies `count` numbers of `array`, starting at index `start`, into linear memory. */
  place(array: Float64Array, start: number, pointer: number, count: number): void {
    const { f64 } = this;
    const to = pointer / 8;
    if (count > FEW) f64.set(count === lengthOf(array) ? array : partOf(array, start, count), to);
    else for (let i = 0; i < count; i++) f64[to + i] = array[start + i] as number;
  }

  /** Sets `bytes` of memory to zero. */
  clear(pointer: number, bytes: number): void {
    this.abi.clear(pointer, bytes);
  }

  /** Returns the array or, if it lies in this memory, a copy: growth of the memory would detach the array. */
  outside(array: Float64Array): Float64Array {
    return this.forMatrices.owns(bufferOf(array)) ? new Float64Array(array) : array;
  }

  /** Makes the views anew: growth has detached them or, in a shared memory, they do not reach to its end any more. */
  #noticeGrowth(): void {
    const { buffer } = this.#memory;
    this.#earlier.add(this.#buffer);
    this.#buffer = buffer;
    this.#f32 = new Float32Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
  }

  #dropScratch(): void {
    if (this.#scratch > 0) this.abi.free(this.#scratch);
    this.#scratch = 0;
    this.#scratchBytes = 0;
  }
}
