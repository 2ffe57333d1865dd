/** The kernels of an instance with threads: large calls are shared among the team, small ones run on the calling thread. */
import { type Abi, columnsBytes, STRIPE_ROWS } from "../abi.js";
import { CALL, TRANSFER } from "../layout.js";
import { KIND, WORD } from "./control.js";
import { LIMITS } from "./limits.js";
import { Room } from "./room.js";
import { TaskRunner } from "./tasks.js";
import { blocksOf, type Team } from "./team.js";

/** What an element costs, beside one of a forward pass. */
const COSTS: Readonly<Record<KIND, number>> = {
  [KIND.forward]: 1,
  [KIND.statistics]: 0.5,
  [KIND.backward]: 2,
  [KIND.stripes]: 3,
  [KIND.widenRows]: 0.5,
  [KIND.narrowRows]: 0.5,
  [KIND.addRows]: 0.5,
  [KIND.rowSum]: 0.5,
  [KIND.rowL1]: 0.5,
  [KIND.rowSumSquare]: 0.5,
  [KIND.rowMin]: 0.3,
  [KIND.rowMax]: 0.3,
  [KIND.rowMoments]: 1,
  [KIND.rowInt8]: 1,
  [KIND.rowBits]: 0.3,
};

/** A batch that a kernel overwrites while it reads it. */
interface Overwritten {
  readonly address: number;
  readonly stride: number;
}

export class SharedAbi implements Abi {
  readonly #abi: Abi;
  readonly #memory: WebAssembly.Memory;
  readonly #team: Team;
  readonly #control: Int32Array;
  readonly #runner: TaskRunner;
  #u32: Uint32Array;
  /** For the copies of rows, and for the column sums of stripes. */
  readonly #room: Room;

  constructor(abi: Abi, memory: WebAssembly.Memory, team: Team) {
    this.#abi = abi;
    this.#memory = memory;
    this.#team = team;
    this.#control = team.control;
    this.#runner = new TaskRunner(abi, memory, team.control, 0);
    this.#room = new Room(abi);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  isRelaxed(): number {
    return this.#abi.isRelaxed();
  }

  alloc(bytes: number): number {
    try {
      return this.#abi.alloc(bytes);
    } catch (error) {
      // What an allocation needs goes before the room that tasks have kept.
      if (!this.#room.drop()) throw error;
      return this.#abi.alloc(bytes);
    }
  }

  free(block: number): void {
    this.#abi.free(block);
  }

  clear(pointer: number, bytes: number): void {
    this.#abi.clear(pointer, bytes);
  }

  forward(call: number, from: number, rows: number): number {
    if (rows > 1) {
      const size = this.#field(call, CALL.size);
      if (this.#isWorthwhile(KIND.forward, rows * size)) {
        const overwritten = this.#overwrittenByForward(call);
        if (this.#share(KIND.forward, from, rows, size, overwritten, call)) return this.#control[WORD.holdsNaN] ? 0 : 1;
      }
    }
    return this.#abi.forward(call, from, rows);
  }

  statistics(call: number, from: number, rows: number): void {
    if (rows > 1) {
      const size = this.#field(call, CALL.size);
      const isShared =
        this.#isWorthwhile(KIND.statistics, rows * size) && this.#share(KIND.statistics, from, rows, size, NONE, call);
      if (isShared) return;
    }
    this.#abi.statistics(call, from, rows);
  }

  backward(call: number, from: number, rows: number): void {
    if (rows > 1) {
      const size = this.#field(call, CALL.size);
      const hasSums = this.#field(call, CALL.columns) !== 0 && this.#field(call, CALL.isAda) === 0;
      if (hasSums) {
        if (rows >= 2 * STRIPE_ROWS && this.#isWorthwhile(KIND.stripes, rows * size)) {
          if (this.#shareStripes(call, from, rows, size)) return;
        }
      } else if (this.#isWorthwhile(KIND.backward, rows * size)) {
        if (this.#share(KIND.backward, from, rows, size, this.#overwrittenByBackward(call), call)) return;
      }
    }
    this.#abi.backward(call, from, rows);
  }

  columnSums(call: number, ofBias: number, out: number, accumulate: number): void {
    this.#abi.columnSums(call, ofBias, out, accumulate);
  }

  mergeStripe(call: number, stripe: number): void {
    this.#abi.mergeStripe(call, stripe);
  }

  widenRows(transfer: number, from: number, rows: number): void {
    if (!this.#transfer(KIND.widenRows, transfer, from, rows)) this.#abi.widenRows(transfer, from, rows);
  }

  narrowRows(transfer: number, from: number, rows: number, areNumbers: number): void {
    if (this.#transfer(KIND.narrowRows, transfer, from, rows, areNumbers)) return;
    this.#abi.narrowRows(transfer, from, rows, areNumbers);
  }

  addRows(transfer: number, from: number, rows: number): void {
    if (!this.#transfer(KIND.addRows, transfer, from, rows)) this.#abi.addRows(transfer, from, rows);
  }

  rowSum(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowSum, rows, size, x, out, size)) this.#abi.rowSum(x, out, rows, size);
  }

  rowL1(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowL1, rows, size, x, out, size)) this.#abi.rowL1(x, out, rows, size);
  }

  rowSumSquare(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowSumSquare, rows, size, x, out, size)) this.#abi.rowSumSquare(x, out, rows, size);
  }

  rowMin(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowMin, rows, size, x, out, size)) this.#abi.rowMin(x, out, rows, size);
  }

  rowMax(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowMax, rows, size, x, out, size)) this.#abi.rowMax(x, out, rows, size);
  }

  rowMoments(x: number, means: number, variances: number, rows: number, size: number, ddof: number): void {
    if (this.#reduce(KIND.rowMoments, rows, size, x, means, variances, size, ddof)) return;
    this.#abi.rowMoments(x, means, variances, rows, size, ddof);
  }

  rowInt8(x: number, values: number, scales: number, rows: number, size: number, scale: number): void {
    const [low, high] = new Uint32Array(Float64Array.of(scale).buffer) as unknown as [number, number];
    if (this.#reduce(KIND.rowInt8, rows, size, x, values, scales, size, low, high)) return;
    this.#abi.rowInt8(x, values, scales, rows, size, scale);
  }

  rowBits(x: number, out: number, rows: number, size: number): void {
    if (!this.#reduce(KIND.rowBits, rows, size, x, out, size)) this.#abi.rowBits(x, out, rows, size);
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
    const overwritten: Overwritten[] = [];
    if (kind === KIND.addRows) {
      const to = this.#field(transfer, TRANSFER.to);
      const stride = this.#field(transfer, TRANSFER.toStride);
      const isOne = [TRANSFER.from, TRANSFER.addend].some((field) => this.#field(transfer, field) === to);
      if (isOne) overwritten.push({ address: to, stride });
    }
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
    const first = this.#field(call, CALL.first) + from;
    const head = (STRIPE_ROWS - (first % STRIPE_ROWS)) % STRIPE_ROWS;
    const stripes = Math.floor((rows - head) / STRIPE_ROWS);
    if (stripes < 2) return false;
    const overwritten = this.#overwrittenByBackward(call);
    const most = Math.min(stripes, STRIPES_A_THREAD * team.threads);
    const sumsBytes = columnsBytes(size);
    const copiesBytes = overwritten.length * STRIPE_ROWS * size * 4;
    const threads = team.mostThreads;
    const sums = this.#room.reserve(most * (sumsBytes + CALL.bytes) + threads * copiesBytes);
    if (sums === undefined) return false;
    const calls = sums + most * sumsBytes;
    const copies = calls + most * CALL.bytes;
    let row = from + head;
    for (let done = 0; done < stripes; done += most) {
      const count = Math.min(most, stripes - done);
      this.#describe(KIND.stripes, row, count * STRIPE_ROWS, STRIPE_ROWS, call, sums, calls, size);
      this.#describeCopies(overwritten, size, copies, copiesBytes);
      team.open(count);
      row += count * STRIPE_ROWS;
      // Their sums are apart from the totals until these rows close a stripe, which only the first ones can do.
      if (done === 0 && head > 0) this.#abi.backward(call, from, head);
      if (done + count === stripes && row < from + rows) this.#abi.backward(call, row, from + rows - row);
      team.finish(this.#runner, STRIPE_ROWS * size);
      for (let stripe = 0; stripe < count; stripe++) this.#abi.mergeStripe(call, calls + stripe * CALL.bytes);
    }
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

  #overwrittenByForward(call: number): readonly Overwritten[] {
    const residual = this.#field(call, CALL.residual);
    const x = { address: this.#field(call, CALL.x), stride: this.#field(call, CALL.xStride) };
    const outputs = [this.#field(call, CALL.y)];
    if (residual === 0) return outputs.includes(x.address) ? [x] : NONE;
    outputs.push(this.#field(call, CALL.sum));
    const added = { address: residual, stride: this.#field(call, CALL.residualStride) };
    return [x, added].filter(({ address }) => outputs.includes(address));
  }

  #overwrittenByBackward(call: number): readonly Overwritten[] {
    const dx = this.#field(call, CALL.dx);
    const dy = { address: this.#field(call, CALL.dy), stride: this.#field(call, CALL.dyStride) };
    const x = { address: this.#field(call, CALL.x), stride: this.#field(call, CALL.xStride) };
    return [dy, x].filter(({ address }) => address === dx).slice(0, 1);
  }

  /** A field of 32 bits of a block. */
  #field(block: number, offset: number): number {
    const index = (block + offset) >>> 2;
    if (index >= this.#u32.length) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32[index] as number;
  }
}

const NONE: readonly Overwritten[] = [];
/** As many stripes at a time for each thread: their sums stay in the caches. */
const STRIPES_A_THREAD = 8;
