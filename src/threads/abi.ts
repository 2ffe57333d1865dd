/** The kernels of an instance with threads: large calls are shared among the team, small ones run on the calling thread. */
import { type Abi, columnsBytes, type SharingAbi, STRIPE_ROWS } from "../abi.js";
import { CALL, TRANSFER } from "../layout.js";
import { KIND, WORD } from "./control.js";
import { COSTS, LIMITS, MOST_COST } from "./limits.js";
import {
  NONE,
  type Overwritten,
  overwrittenByAddition,
  overwrittenByBackward,
  overwrittenByForward,
} from "./overwritten.js";
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
    const holdsNaN = this.#shareForward(call, from, rows);
    if (holdsNaN !== undefined) return holdsNaN ? 0 : 1;
    return this.alone.forward(call, from, rows);
  }

  statistics(call: number, from: number, rows: number): void {
    if (!this.#shareStatistics(call, from, rows)) this.alone.statistics(call, from, rows);
  }

  backward(call: number, from: number, rows: number): void {
    if (!this.#shareBackward(call, from, rows)) this.alone.backward(call, from, rows);
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
    if (!this.#transfer(KIND.widenRows, transfer, from, rows)) this.alone.widenRows(transfer, from, rows);
  }

  narrowRows(transfer: number, from: number, rows: number, areNumbers: number): void {
    if (this.#transfer(KIND.narrowRows, transfer, from, rows, areNumbers)) return;
    this.alone.narrowRows(transfer, from, rows, areNumbers);
  }

  addRows(transfer: number, from: number, rows: number): void {
    if (!this.#transfer(KIND.addRows, transfer, from, rows)) this.alone.addRows(transfer, from, rows);
  }

  rowSum(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowSum, rows, size, x, out, size)) this.alone.rowSum(x, out, rows, size);
  }

  rowL1(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowL1, rows, size, x, out, size)) this.alone.rowL1(x, out, rows, size);
  }

  rowSumSquare(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowSumSquare, rows, size, x, out, size)) this.alone.rowSumSquare(x, out, rows, size);
  }

  rowMin(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowMin, rows, size, x, out, size)) this.alone.rowMin(x, out, rows, size);
  }

  rowMax(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowMax, rows, size, x, out, size)) this.alone.rowMax(x, out, rows, size);
  }

  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void {
    if (this.#reduce(KIND.rowMoments, rows, size, x, means, variances, size, ddof)) return;
    this.alone.rowMoments(x, means, variances, rows, size, ddof);
  }

  rowInt8(x: number, values: number, scales: number, rows: number, size: number, scale: number): void {
    const [low, high] = new Uint32Array(Float64Array.of(scale).buffer) as unknown as [number, number];
    if (this.#reduce(KIND.rowInt8, rows, size, x, values, scales, size, low, high)) return;
    this.alone.rowInt8(x, values, scales, rows, size, scale);
  }

  rowBits(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowBits, rows, size, x, out, size)) this.alone.rowBits(x, out, rows, size);
  }

  #shareForward(call: number, from: number, rows: number): boolean | undefined {
    const size = this.#field(call, CALL.size);
    if (!this.#isWorthwhile(KIND.forward, rows * size)) return undefined;
    if (!this.#share(KIND.forward, from, rows, size, overwrittenByForward(this.#field, call), call)) return undefined;
    return this.#control[WORD.holdsNaN] === 1;
  }

  #shareStatistics(call: number, from: number, rows: number): boolean {
    const size = this.#field(call, CALL.size);
    return (
      this.#isWorthwhile(KIND.statistics, rows * size) && this.#share(KIND.statistics, from, rows, size, NONE, call)
    );
  }

  #shareBackward(call: number, from: number, rows: number): boolean {
    const size = this.#field(call, CALL.size);
    // The sums of channels are each row's own.
    const isApart = this.#field(call, CALL.isAda) !== 0 || this.#field(call, CALL.spatial) !== 0;
    const hasSums = this.#field(call, CALL.columns) !== 0 && !isApart;
    if (!hasSums) {
      if (!this.#isWorthwhile(KIND.backward, rows * size)) return false;
      return this.#share(KIND.backward, from, rows, size, overwrittenByBackward(this.#field, call), call);
    }
    if (rows < 2 * STRIPE_ROWS || !this.#isWorthwhile(KIND.stripes, rows * size)) return false;
    return this.#shareStripes(call, from, rows, size);
  }

  #isWorthwhile(kind: KIND, elements: number): boolean {
    const cost = elements * COSTS[kind];
    return cost >= LIMITS.small && this.#team.isReady(cost);
  }

  #reduce(kind: KIND, rows: number, size: number, ...values: number[]): boolean {
    return rows > 1 && this.#isWorthwhile(kind, rows * size) && this.#share(kind, 0, rows, size, NONE, ...values);
  }

  #transfer(kind: KIND, transfer: number, from: number, rows: number, ...values: number[]): boolean {
    if (rows < 2) return false;
    const size = this.#field(transfer, TRANSFER.size);
    if (!this.#isWorthwhile(kind, rows * size)) return false;
    const overwritten = kind === KIND.addRows ? overwrittenByAddition(this.#field, transfer) : NONE;
    return this.#share(kind, from, rows, size, overwritten, transfer, ...values);
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
    this.#describeCopies(overwritten, size, room, copiesBytes);
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
      this.#describeCopies(overwritten, size, copies, copiesBytes);
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

  #describeCopies(overwritten: readonly Overwritten[], size: number, room: number, bytes: number): void {
    const control = this.#control;
    control[WORD.overwritten] = overwritten.length;
    control[WORD.rowBytes] = size * 4;
    control[WORD.copies] = room;
    control[WORD.copiesBytes] = bytes;
    overwritten.forEach(({ address, stride }, i) => {
      control[WORD.batches + 2 * i] = address;
      control[WORD.batches + 2 * i + 1] = stride;
    });
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
