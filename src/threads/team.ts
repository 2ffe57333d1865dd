/** The threads of one instance, seen from the calling thread: opens tasks to them, and notices those that have died. */
import { CONTROL_BYTES, MOST_BLOCKS, OPEN, STATE, seenWord, sleepsWord, WORD } from "./control.js";
import type { ThreadWorker } from "./host.js";
import { LIMITS } from "./limits.js";
import type { TaskRunner } from "./tasks.js";

/** How long the calling thread looks at the gate before it sleeps, in ms: as long as most blocks take, and some more. */
const AWAKE = 0.05;
/** How often it looks before it looks at the time. */
const SPINS = 200;
/** How long it sleeps at most before it looks at the time, in ms. */
const NAP = 50;
/** More than this does not pass between two looks at the time, in ms, unless the process or the machine is suspended. */
const JUMP = 2 * NAP;
/** What a thread that is held up by others may take for an element of a block, in ms. */
const PER_ELEMENT = 2e-4;
/** How long a thread that was told to end may take to stop, in ms: it stops at the next turn of a loop. */
const STOPPING = 100;
/** The tasks after which the calling thread looks whether the others have seen any of them. */
const UNSEEN_TASKS = 128;
/**
 * Sleeping threads are not woken for a small task, but for a series of them that costs as much as a large one: with no more than
 * this between two, in ms. Then more are likely to come.
 */
const RECENTLY = 0.2;

interface Member {
  readonly worker: ThreadWorker;
  readonly thread: number;
  /** The generation that it had seen at the last look, and when that was. */
  seen: number;
  at: number;
}

/** Whether this thread may sleep. The main thread of a page must not. */
function maySleep(control: Int32Array): boolean {
  try {
    Atomics.wait(control, WORD.callerSleeps, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** The control memory of a team that is still to be gathered. */
export function makeControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES);
}

export class Team {
  readonly control: Int32Array;
  /** As many threads as were asked for. Their numbers are smaller. */
  readonly mostThreads: number;
  readonly #maySleep: boolean;
  #members: Member[] = [];
  #untilLook = UNSEEN_TASKS;
  /** When the last small task was met with threads asleep, and what its series has cost. */
  #lastSmall = 0;
  #series = 0;

  constructor(control: SharedArrayBuffer, mostThreads: number) {
    this.mostThreads = mostThreads;
    this.control = new Int32Array(control);
    this.#maySleep = maySleep(this.control);
  }

  /** How many threads work, the calling thread among them. */
  get threads(): number {
    return this.#members.length + 1;
  }

  add(worker: ThreadWorker, thread: number): void {
    this.#members.push({ worker, thread, seen: -1, at: performance.now() });
  }

  /** Ends a thread, or takes note that it has ended. */
  remove(worker: ThreadWorker): void {
    this.#members = this.#members.filter((member) => member.worker !== worker);
    end(worker);
  }

  /**
   * Has all threads end by themselves. terminate() does not end threads that sleep in Bun, and Deno never ends a process then.
   */
  close(): void {
    this.#members = [];
    Atomics.store(this.control, WORD.isOver, 1);
    Atomics.add(this.control, WORD.generation, 1);
    Atomics.notify(this.control, WORD.generation);
  }

  /** Ends all threads, wherever they are. */
  disband(): void {
    const members = this.#members;
    this.#members = [];
    for (const { worker } of members) end(worker);
  }

  /** Whether to share a task of this cost, in elements of a forward pass. Small ones do not wake threads, unless many come. */
  isReady(cost: number): boolean {
    if (this.#members.length === 0) return false;
    if (cost >= LIMITS.large || !this.#areAsleep()) return true;
    const now = performance.now();
    this.#series = now - this.#lastSmall < RECENTLY ? this.#series + cost : cost;
    this.#lastSmall = now;
    return this.#series >= LIMITS.large;
  }

  /** Opens the task that the control memory describes. */
  open(blocks: number): void {
    const { control } = this;
    if (--this.#untilLook === 0) this.#look();
    control[WORD.blocks] = blocks;
    control.fill(STATE.free, WORD.states, WORD.states + blocks);
    control[WORD.holdsNaN] = 0;
    Atomics.store(control, WORD.next, 0);
    Atomics.store(control, WORD.gate, OPEN);
    Atomics.add(control, WORD.generation, 1);
    if (this.#areAsleep()) Atomics.notify(control, WORD.generation);
  }

  /** Works on the open task, closes it, and returns when all of it is done. `elements` is the size of a block. */
  finish(runner: TaskRunner, elements: number): void {
    const { control } = this;
    runner.run(false);
    Atomics.and(control, WORD.gate, ~OPEN);
    if (this.#waitForOthers(LIMITS.patience + elements * PER_ELEMENT)) return;
    // A thread is inside and does not go on. It may have died with a block half done. From here on one thread does it all.
    this.disband();
    this.#pause(STOPPING);
    runner.finish();
  }

  /** Waits until no other thread is inside. Returns false if one has not left in time. */
  #waitForOthers(limit: number): boolean {
    const { control } = this;
    let last = performance.now();
    let time = 0;
    for (;;) {
      for (let i = 0; i < SPINS; i++) if (Atomics.load(control, WORD.gate) === 0) return true;
      const now = performance.now();
      // Where the clock jumps, the other threads stood still too.
      time += Math.min(now - last, JUMP);
      last = now;
      if (time > limit) return false;
      if (!this.#maySleep || time < AWAKE) continue;
      Atomics.store(control, WORD.callerSleeps, 1);
      const inside = Atomics.load(control, WORD.gate);
      /* v8 ignore else -- the last one has left since: seldom */
      if (inside > 0) Atomics.wait(control, WORD.gate, inside, NAP);
      Atomics.store(control, WORD.callerSleeps, 0);
    }
  }

  #areAsleep(): boolean {
    const { control } = this;
    return this.#members.some(({ thread }) => Atomics.load(control, sleepsWord(thread)) === 1);
  }

  /** Looks for threads that have died without a word, as those of a page do when somebody terminates their worker. */
  #look(): void {
    this.#untilLook = UNSEEN_TASKS;
    const now = performance.now();
    for (const member of [...this.#members]) {
      const seen = Atomics.load(this.control, seenWord(member.thread));
      if (seen !== member.seen) {
        member.seen = seen;
        member.at = now;
      } else if (now - member.at > LIMITS.unseen) {
        this.remove(member.worker);
      }
    }
  }

  #pause(ms: number): void {
    const end = performance.now() + ms;
    if (this.#maySleep) Atomics.wait(this.control, WORD.callerSleeps, 0, ms);
    while (performance.now() < end);
  }
}

/** The number of blocks to make of `rows` rows, and the rows of each: some for every thread, none too small. */
export function blocksOf(rows: number, least: number, threads: number): { blocks: number; blockRows: number } {
  const blockRows = Math.max(least, 1, Math.ceil(rows / (BLOCKS_A_THREAD * threads)), Math.ceil(rows / MOST_BLOCKS));
  return { blocks: Math.ceil(rows / blockRows), blockRows };
}

/** So many blocks a thread: threads that start late or are held up leave the others more of them. */
const BLOCKS_A_THREAD = 12;

function end(worker: ThreadWorker): void {
  try {
    // Node's returns a promise.
    Promise.resolve(worker.terminate()).catch(() => {});
  } catch {
    // It has ended.
  }
}
