/** How a thread works on a task: it takes blocks of rows and runs the kernel on each, until none are left. */
import { type Abi, columnsBytes } from "../abi.js";
import { CALL } from "../layout.js";
import { KIND, STATE, STATE_BITS, WORD } from "./control.js";
import { type Stripe, stripeAt } from "./stripes.js";

export class TaskRunner {
  readonly #abi: Abi;
  readonly #memory: WebAssembly.Memory;
  readonly #control: Int32Array;
  readonly #thread: number;
  #u32: Uint32Array;

  constructor(abi: Abi, memory: WebAssembly.Memory, control: Int32Array, thread: number) {
    this.#abi = abi;
    this.#memory = memory;
    this.#control = control;
    this.#thread = thread;
    this.#u32 = new Uint32Array(memory.buffer);
  }

  /** Works on the open task until all blocks are taken. `copies`: whether to copy rows first that the kernel overwrites. */
  run(copies: boolean): void {
    const control = this.#control;
    const blocks = this.#word(WORD.blocks);
    for (;;) {
      const block = Atomics.add(control, WORD.next, 1);
      if (block >= blocks) return;
      const state = WORD.states + block;
      const mark = this.#thread << STATE_BITS;
      Atomics.store(control, state, mark | STATE.taken);
      /* v8 ignore next 4 -- only other threads copy, where they are not seen: test/threads/deaths.test.ts needs the copies */
      if (copies && this.#word(WORD.overwritten) > 0) {
        this.#copyRows(block, this.#thread, false);
        Atomics.store(control, state, mark | STATE.copied);
      }
      this.#runKernel(block);
      Atomics.store(control, state, STATE.done);
    }
  }

  /** Works on the blocks of a closed task that another thread has left undone. That thread must not run any more. */
  finish(): void {
    const control = this.#control;
    for (let block = 0; block < this.#word(WORD.blocks); block++) {
      const mark = Atomics.load(control, WORD.states + block);
      const state = mark & ((1 << STATE_BITS) - 1);
      if (state === STATE.done) continue;
      if (state === STATE.copied) this.#copyRows(block, mark >>> STATE_BITS, true);
      this.#runKernel(block);
    }
  }

  #word(index: number): number {
    return (this.#control[index] as number) >>> 0;
  }

  #argument(index: number): number {
    return this.#word(WORD.arguments + index);
  }

  /** A block's first row, and how many rows it has. */
  #rowsOf(block: number): { from: number; rows: number } {
    const first = this.#word(WORD.from);
    if (this.#word(WORD.kind) === KIND.stripes) {
      const { row, rows } = this.#stripe(block);
      return { from: row, rows };
    }
    const blockRows = this.#word(WORD.blockRows);
    const from = first + block * blockRows;
    return { from, rows: Math.min(blockRows, first + this.#word(WORD.rows) - from) };
  }

  /** The stripe that a block is. */
  #stripe(block: number): Stripe {
    const call = this.#argument(0);
    const u32 = this.#views(call + CALL.bytes);
    const numbering = {
      first: u32[(call + CALL.first) >>> 2] as number,
      rowsPerGain: u32[(call + CALL.rowsPerGain) >>> 2] as number,
    };
    return stripeAt(numbering, this.#word(WORD.from), block);
  }

  #runKernel(block: number): void {
    const abi = this.#abi;
    const { from, rows } = this.#rowsOf(block);
    const at = this.#argument(0);
    const kind: KIND = this.#word(WORD.kind);
    switch (kind) {
      case KIND.forward:
        if (abi.forward(at, from, rows) === 0) Atomics.store(this.#control, WORD.holdsNaN, 1);
        return;
      case KIND.statistics:
        abi.statistics(at, from, rows);
        return;
      case KIND.backward:
        abi.backward(at, from, rows);
        return;
      case KIND.stripes:
        this.#runStripe(block, at);
        return;
      case KIND.widenRows:
        abi.widenRows(at, from, rows);
        return;
      case KIND.narrowRows:
        abi.narrowRows(at, from, rows, this.#argument(1));
        return;
      case KIND.addRows:
        abi.addRows(at, from, rows);
        return;
      case KIND.rowMoments: {
        const [means, variances, size, ddof] = [1, 2, 3, 4].map((index) => this.#argument(index)) as Four;
        abi.rowMoments(at + from * size * 4, means + from * 8, variances + from * 8, rows, size, ddof);
        return;
      }
      case KIND.rowInt8: {
        const [values, scales, size] = [1, 2, 3].map((index) => this.#argument(index)) as [number, number, number];
        const [scale] = new Float64Array(Uint32Array.of(this.#argument(4), this.#argument(5)).buffer) as unknown as [
          number,
        ];
        abi.rowInt8(at + from * size * 4, values + from * size, scales + from * 8, rows, size, scale);
        return;
      }
      case KIND.rowBits: {
        const [out, size] = [this.#argument(1), this.#argument(2)];
        abi.rowBits(at + from * size * 4, out + from * Math.ceil(size / 8), rows, size);
        return;
      }
      default: {
        const [out, size] = [this.#argument(1), this.#argument(2)];
        const reduction = KIND[kind] as (typeof REDUCTIONS)[number];
        abi[reduction](at + from * size * 4, out + from * 8, rows, size);
      }
    }
  }

  /** Runs backward on one stripe of rows, with column sums and a block of its own. */
  #runStripe(block: number, call: number): void {
    const { row, rows, sample, number } = this.#stripe(block);
    const [sums, blocks, size] = [this.#argument(1), this.#argument(2), this.#argument(3)];
    const bytes = columnsBytes(size);
    const columns = sums + block * bytes;
    const own = blocks + block * CALL.bytes;
    const u32 = this.#views(Math.max(columns + bytes, own + CALL.bytes, call + CALL.bytes));
    u32.copyWithin(own >>> 2, call >>> 2, (call + CALL.bytes) >>> 2);
    u32[(own + CALL.columns) >>> 2] = columns;
    u32[(own + CALL.totals) >>> 2] = 0;
    // To its kernel the stripe is one of a batch that has one gain.
    const gain = u32[(call + CALL.gain) >>> 2] as number;
    u32[(own + CALL.gain) >>> 2] = gain === 0 ? 0 : gain + sample * size * 4;
    u32[(own + CALL.rowsPerGain) >>> 2] = 0;
    u32[(own + CALL.first) >>> 2] = number - row;
    this.#abi.clear(columns, bytes);
    this.#abi.backward(own, row, rows);
  }

  /** Copies the rows of a block that the kernel overwrites to the room of a thread, or `back`. */
  #copyRows(block: number, thread: number, back: boolean): void {
    const rowWords = this.#word(WORD.rowBytes) >>> 2;
    const { from, rows } = this.#rowsOf(block);
    const end = from + rows;
    let copy = (this.#word(WORD.copies) + thread * this.#word(WORD.copiesBytes)) >>> 2;
    for (let batch = 0; batch < this.#word(WORD.overwritten); batch++) {
      const address = this.#word(WORD.batches + 2 * batch);
      const stride = this.#word(WORD.batches + 2 * batch + 1);
      const u32 = this.#views(Math.max(address + end * stride, (copy + rows * rowWords) << 2));
      for (let row = from; row < end; row++) {
        const at = (address + row * stride) >>> 2;
        /* v8 ignore else -- as above */
        if (back) u32.copyWithin(at, copy, copy + rowWords);
        else u32.copyWithin(copy, at, at + rowWords);
        copy += rowWords;
      }
    }
  }

  /** The linear memory, which may have grown, at least up to `end`. */
  #views(end: number): Uint32Array {
    if (end > this.#u32.byteLength) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32;
  }
}

type Four = [number, number, number, number];

const REDUCTIONS = ["rowSum", "rowL1", "rowSumSquare", "rowMin", "rowMax"] as const;
