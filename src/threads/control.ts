/**
 * The memory by which threads tell each other what to do: 32-bit words that only `Atomics` touch while a task is open. It is
 * apart from the linear memory, which holds nothing but batches and blocks.
 *
 * A task is a kernel and some blocks of rows. The calling thread writes the task, opens the gate, and takes blocks like the
 * other threads do, until none are left. Then it closes the gate and waits for the threads that are inside. A thread that
 * wakes up late finds the gate closed, so nobody waits for it.
 */

/** Where each word lies. The words from `kind` on describe the task; the calling thread writes them while nobody is inside. */
export enum WORD {
  /** How many threads are inside, plus {@link OPEN} while others may enter. */
  gate = 0,
  /** Counts the tasks. Threads without work wait for it to change. */
  generation = 1,
  /** The next block that nobody has taken. */
  next = 2,
  /** 1 while the calling thread sleeps until the gate is empty. */
  callerSleeps = 3,
  /** 1 if a forward of some block has returned 0. */
  holdsNaN = 4,
  /** A {@link KIND}. */
  kind = 5,
  /** The number of blocks, the first row of the first block, all rows, and the rows of a block. */
  blocks = 6,
  from = 7,
  rows = 8,
  blockRows = 9,
  /** The arguments of the kernel, as tasks.ts has them for each kind. */
  arguments = 10,
  /** How many batches the kernel overwrites while it reads them, the bytes of their rows, and for each its address and stride. */
  overwritten = 16,
  rowBytes = 17,
  batches = 18,
  /** Room for copies of a block's rows of these batches: the address for thread 0, and the bytes for each thread. */
  copies = 22,
  copiesBytes = 23,
  /** 1 once the threads are to end. */
  isOver = 24,
  /** The state of each block. */
  states = 32,
  /** Two words for each thread: whether it sleeps, and the last generation that it has seen. */
  threads = 288,
}

/** The flag of an open gate. The bits below it count threads. */
export const OPEN = 1 << 16;

/** As many blocks as have a state. */
export const MOST_BLOCKS: number = WORD.threads - WORD.states;

/** As many threads as a team can have, with the calling thread. */
export const MOST_THREADS = 128;

export const CONTROL_BYTES: number = (WORD.threads + 2 * MOST_THREADS) * Int32Array.BYTES_PER_ELEMENT;

/** The word that is 1 while a thread sleeps. */
export function sleepsWord(thread: number): number {
  return WORD.threads + 2 * thread;
}

/** The word with the last generation that a thread has seen. */
export function seenWord(thread: number): number {
  return WORD.threads + 2 * thread + 1;
}

/** The state of a block: not taken, taken by a thread, taken and its rows copied, or done. The thread's number is above these bits. */
export enum STATE {
  free = 0,
  taken = 1,
  copied = 2,
  done = 3,
}
export const STATE_BITS = 2;

/** The kernels that run as tasks. */
export enum KIND {
  forward,
  statistics,
  backward,
  stripes,
  widenRows,
  narrowRows,
  addRows,
  rowSum,
  rowL1,
  rowSumSquare,
  rowMin,
  rowMax,
  rowMoments,
  rowInt8,
  rowBits,
}

/** What a thread is given when it starts. */
export interface Start {
  /** Tells this message from others, and changes with the layout of the words above. */
  readonly adanorm: "thread 1";
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  /** The number of the thread; the calling thread is 0. */
  readonly thread: number;
}

export const START: Start["adanorm"] = "thread 1";

/** What a thread answers once it is ready to work. */
export const READY = "adanorm: ready";
