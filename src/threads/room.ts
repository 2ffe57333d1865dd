import type { Abi } from "../abi.js";
import { LIMITS } from "./limits.js";

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
    if (bytes > LIMITS.room) return undefined;
    if (bytes > this.#bytes) {
      this.drop();
      try {
        this.#pointer = this.#abi.alloc(bytes) >>> 0;
      } catch {
        // The allocator traps if the memory cannot grow. It has changed nothing at that point.
        return undefined;
      }
      this.#bytes = bytes;
    }
    return this.#pointer;
  }

  /** Frees the room if it is too large to be kept. */
  release(): void {
    if (this.#bytes > LIMITS.kept) this.drop();
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
