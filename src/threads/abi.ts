/** The kernels of an instance with threads: calls are shared among the team where that pays, others run on the calling thread. */
import { type Abi, columnsBytes, type SharingAbi, STRIPE_ROWS } from "../abi.js";
import { CALL, TRANSFER } from "../layout.js";
import { KIND, WORD } from "./control.js";
import { COSTS, LIMITS, MOST_COST } from "./limits.js";
import {
  describeCopies,
  NONE,
  type Overwritten,
  overwrittenByAddition,
  overwrittenByBackward,
  overwrittenByForward,
} from "./overwritten.js";
import { Pace } from "./pace.js";
import { Room } from "./room.js";
import { stripeAt, wholeStripes } from "./stripes.js";
import { TaskRunner } from "./tasks.js";
import { blocksOf, type Team } from "./team.js";

export class SharedAbi implements SharingAbi {
  readonly alone: Abi;
  readonly #memory: WebAssembly.Memory;
  readonly #team: Team;
  readonly #control: Int32Array;
  readonly #runner: TaskRunner;
  readonly #pace = new Pace();
  #u32: Uint32Array;
  /** For the copies of rows, and for the column sums of stripes. */
  readonly #room: Room;

  constructor(abi: Abi, memory: WebAssembly.Memory, team: Team) {
    this.alone = abi;
    this.#memory = memory;
    this.#team = team;
    this.#control = team.control;
    this.#runner = new TaskRunner(abi, memory, team.control, 0);
    this.#room = new Room(abi);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  get least(): number {
    return LIMITS.small / MOST_COST;
  }

  isRelaxed(): number {
    return this.alone.isRelaxed();
  }

  alloc(bytes: number): number {
    try {
      return this.alone.alloc(bytes);
    } catch (error) {
      // What an allocation needs goes before the room that tasks have kept.
      if (!this.#room.drop()) throw error;
      return this.alone.alloc(bytes);
    }
  }

  free(block: number): void {
    this.alone.free(block);
  }

  clear(pointer: number, bytes: number): void {
    this.alone.clear(pointer, bytes);
  }

  forward(call: number, from: number, rows: number): number {
    const size = this.#field(call, CALL.size);
    let areNumbers = 0;
    const share = () => {
      if (!this.#share(KIND.forward, from, rows, size, overwrittenByForward(this.#field, call), call)) return false;
      areNumbers = this.#control[WORD.holdsNaN] === 1 ? 0 : 1;
      return true;
    };
    this.#run(KIND.forward, rows * size, share, () => {
      areNumbers = this.alone.forward(call, from, rows);
    });
    return areNumbers;
  }

  statistics(call: number, from: number, rows: number): void {
    const size = this.#field(call, CALL.size);
    const share = () => this.#share(KIND.statistics, from, rows, size, NONE, call);
    this.#run(KIND.statistics, rows * size, share, () => this.alone.statistics(call, from, rows));
  }

  backward(call: number, from: number, rows: number): void {
    const size = this.#field(call, CALL.size);
    const alone = () => this.alone.backward(call, from, rows);
    // The sums of channels are each row's own.
    const isApart = this.#field(call, CALL.isAda) !== 0 || this.#field(call, CALL.spatial) !== 0;
    if (this.#field(call, CALL.columns) === 0 || isApart) {
      const share = () => this.#share(KIND.backward, from, rows, size, overwrittenByBackward(this.#field, call), call);
      this.#run(KIND.backward, rows * size, share, alone);
    } else {
      this.#run(KIND.stripes, rows * size, () => this.#shareStripes(call, from, rows, size), alone);
    }
  }

  columnSums(call: number, ofBias: number, out: number, accumulate: number): void {
    this.alone.columnSums(call, ofBias, out, accumulate);
  }

  channelSums(call: number, from: number, rows: number): void {
    this.alone.channelSums(call, from, rows);
  }

  sampleSums(call: number, sample: number): void {
    this.alone.sampleSums(call, sample);
  }

  mergeStripe(call: number, stripe: number): void {
    this.alone.mergeStripe(call, stripe);
  }

  widenRows(transfer: number, from: number, rows: number): void {
    this.#transfer(KIND.widenRows, [transfer], from, rows, () => this.alone.widenRows(transfer, from, rows));
  }

  narrowRows(transfer: number, from: number, rows: number, areNumbers: number): void {
    const alone = () => this.alone.narrowRows(transfer, from, rows, areNumbers);
    this.#transfer(KIND.narrowRows, [transfer, areNumbers], from, rows, alone);
  }

  addRows(transfer: number, from: number, rows: number): void {
    this.#transfer(KIND.addRows, [transfer], from, rows, () => this.alone.addRows(transfer, from, rows));
  }

  rowSum(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowSum, rows, size, [x, out, size], () => this.alone.rowSum(x, out, rows, size));
  }

  rowL1(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowL1, rows, size, [x, out, size], () => this.alone.rowL1(x, out, rows, size));
  }

  rowSumSquare(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowSumSquare, rows, size, [x, out, size], () => this.alone.rowSumSquare(x, out, rows, size));
  }

  rowMin(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowMin, rows, size, [x, out, size], () => this.alone.rowMin(x, out, rows, size));
  }

  rowMax(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowMax, rows, size, [x, out, size], () => this.alone.rowMax(x, out, rows, size));
  }

  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void {
    const alone = () => this.alone.rowMoments(x, means, variances, rows, size, ddof);
    this.#reduce(KIND.rowMoments, rows, size, [x, means, variances, size, ddof], alone);
  }

  rowInt8(x: number, values: number, scales: number, rows: number, size: number, scale: number): void {
    const [low, high] = new Uint32Array(Float64Array.of(scale).buffer) as unknown as [number, number];
    const alone = () => this.alone.rowInt8(x, values, scales, rows, size, scale);
    this.#reduce(KIND.rowInt8, rows, size, [x, values, scales, size, low, high], alone);
  }

  rowBits(x: number, out: number, rows: number, size: number): void {
    this.#reduce(KIND.rowBits, rows, size, [x, out, size], () => this.alone.rowBits(x, out, rows, size));
  }

  /** Runs a kernel on elements, shared if that pays. `share` returns false, with nothing done, if there is no memory for it. */
  #run(kind: KIND, elements: number, share: () => boolean, alone: () => void): void {
    const cost = elements * COSTS[kind];
    if (cost < LIMITS.small || !this.#team.isReady(cost)) alone();
    else this.#pace.run(kind, cost, share, alone);
  }

  #reduce(kind: KIND, rows: number, size: number, values: number[], alone: () => void): void {
    if (rows < 2) alone();
    else this.#run(kind, rows * size, () => this.#share(kind, 0, rows, size, NONE, ...values), alone);
  }

  #transfer(
    kind: KIND,
    values: [transfer: number, ...more: number[]],
    from: number,
    rows: number,
    alone: () => void,
  ): void {
    if (rows < 2) {
      alone();
      return;
    }
    const [transfer] = values;
    const size = this.#field(transfer, TRANSFER.size);
    const overwritten = kind === KIND.addRows ? overwrittenByAddition(this.#field, transfer) : NONE;
    this.#run(kind, rows * size, () => this.#share(kind, from, rows, size, overwritten, ...values), alone);
  }

  /** Shares rows among the threads. Returns false, with nothing done, if there is no memory for it. */
  // structure: the description of a task, which is written to the control memory as it is
  #share(
    kind: KIND,
    from: number,
    rows: number,
    size: number,
    overwritten: readonly Overwritten[],
    ...values: number[]
  ): boolean {
    const team = this.#team;
    const { blocks, blockRows } = blocksOf(rows, Math.ceil(LIMITS.block / size / COSTS[kind]), team.threads);
    if (blocks < 2) return false;
    const copiesBytes = overwritten.length * blockRows * size * 4;
    const room = copiesBytes === 0 ? 0 : this.#room.reserve(copiesBytes * team.mostThreads);
    if (room === undefined) return false;
    this.#describe(kind, from, rows, blockRows, ...values);
    describeCopies(this.#control, overwritten, size, room, copiesBytes);
    team.open(blocks);
    team.finish(this.#runner, blockRows * size);
    this.#room.release();
    return true;
  }

  /**
   * Shares backward with column sums: each thread sums the columns of other stripes of rows, and the stripes are added in
   * order. Rows before the first whole stripe and after the last belong to stripes of which other calls have the rest.
   */
  #shareStripes(call: number, from: number, rows: number, size: number): boolean {
    if (rows < 2 * STRIPE_ROWS) return false;
    const team = this.#team;
    const rowsPerGain = this.#field(call, CALL.rowsPerGain);
    const numbering = { first: this.#field(call, CALL.first), rowsPerGain };
    if (rowsPerGain > 0 && rowsPerGain < SMALL_SAMPLE) return false;
    const { count: stripes, head, tail } = wholeStripes(numbering, from, rows);
    if (stripes < 2) return false;
    const overwritten = overwrittenByBackward(this.#field, call);
    const most = Math.min(stripes, STRIPES_A_THREAD * team.threads);
    const sumsBytes = columnsBytes(size);
    const copiesBytes = overwritten.length * STRIPE_ROWS * size * 4;
    const threads = team.mostThreads;
    const sums = this.#room.reserve(most * (sumsBytes + CALL.bytes) + threads * copiesBytes);
    if (sums === undefined) return false;
    const calls = sums + most * sumsBytes;
    const copies = calls + most * CALL.bytes;
    const start = from + head;
    const runTail = () => {
      if (tail > 0) this.alone.backward(call, from + rows - tail, tail);
    };
    for (let done = 0; done < stripes; done += most) {
      const count = Math.min(most, stripes - done);
      const { row } = stripeAt(numbering, start, done);
      const last = stripeAt(numbering, start, done + count - 1);
      this.#describe(KIND.stripes, row, last.row + last.rows - row, STRIPE_ROWS, call, sums, calls, size);
      describeCopies(this.#control, overwritten, size, copies, copiesBytes);
      team.open(count);
      // Their sums are apart from the totals until these rows close a stripe, which only the first ones can do.
      if (done === 0 && head > 0) this.alone.backward(call, from, head);
      // With samples the last ones may belong to another than the stripes, whose sums must be given out first.
      if (done + count === stripes && rowsPerGain === 0) runTail();
      team.finish(this.#runner, STRIPE_ROWS * size);
      for (let i = 0; i < count; i++) {
        this.alone.mergeStripe(call, calls + i * CALL.bytes);
        const stripe = stripeAt(numbering, start, done + i);
        if (stripe.number + stripe.rows === rowsPerGain) this.alone.sampleSums(call, stripe.sample);
      }
    }
    if (rowsPerGain > 0) runTail();
    this.#room.release();
    return true;
  }

  #describe(kind: KIND, from: number, rows: number, blockRows: number, ...values: number[]): void {
    const control = this.#control;
    control[WORD.kind] = kind;
    control[WORD.from] = from;
    control[WORD.rows] = rows;
    control[WORD.blockRows] = blockRows;
    for (let i = 0; i < values.length; i++) control[WORD.arguments + i] = values[i] as number;
  }

  /** A field of 32 bits of a block. */
  readonly #field = (block: number, offset: number): number => {
    const index = (block + offset) >>> 2;
    if (index >= this.#u32.length) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32[index] as number;
  };
}

/** Samples of fewer rows than this are not shared where their gains have gradients: a stripe of few rows costs more than it saves. */
const SMALL_SAMPLE = 16;
/** As many stripes at a time for each thread: their sums stay in the caches. */
const STRIPES_A_THREAD = 8;
