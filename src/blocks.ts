/** A matrix's place in linear memory, in bytes. */
export interface Block {
  readonly pointer: number;
  readonly bytes: number;
}

/** The blocks of all live matrices, sorted by address, to look up which block holds a view of linear memory. */
export class Blocks {
  /** Total bytes of all blocks. */
  bytes = 0;
  readonly #sorted: Block[] = [];

  add(block: Block): void {
    this.#sorted.splice(this.#after(block.pointer), 0, block);
    this.bytes += block.bytes;
  }

  remove(block: Block): void {
    this.#sorted.splice(this.#after(block.pointer) - 1, 1);
    this.bytes -= block.bytes;
  }

  /** Whether one block contains all of the `bytes` that begin at `pointer`. */
  hold(pointer: number, bytes: number): boolean {
    const block = this.#sorted[this.#after(pointer) - 1];
    return block !== undefined && pointer + bytes <= block.pointer + block.bytes;
  }

  /** The number of blocks that begin at `pointer` or before it. */
  #after(pointer: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as Block).pointer <= pointer) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
