import type { Abi } from "../abi.js";

/** A call that needs more than this, in bytes, runs on the calling thread. */
const MOST = 2 ** 26;
/** Room of up to this many bytes is kept between calls. */
const KEPT = 2 ** 22;

/** Linear memory that tasks need besides their batches: one block, which grows with the calls. */
export class Room {
  readonly #abi: Abi;
  #pointer = 0;
  #bytes = 0;

  constructor(abi: Abi) {
    this.#abi = abi;
  }

  /** The address of room for `bytes`; undefined if that is too much, or if the memory has none. */
  reserve(bytes: number): number | undefined {
    if (bytes > MOST) return undefined;
    if (bytes > this.#bytes) {
      this.drop();
      try {
        this.#pointer = this.#abi.alloc(bytes) >>> 0;
      } catch (error) {
        // The allocator traps if the memory cannot grow. It has changed nothing at that point.
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        return undefined;
      }
      this.#bytes = bytes;
    }
    return this.#pointer;
  }

  /** Frees the room if it is too large to be kept. */
  release(): void {
    if (this.#bytes > KEPT) this.drop();
  }

  /** Frees the room. Returns false if there is none. */
  drop(): boolean {
    if (this.#pointer === 0) return false;
    this.#abi.free(this.#pointer);
    this.#pointer = 0;
    this.#bytes = 0;
    return true;
  }
}
