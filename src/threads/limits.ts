import { KIND } from "./control.js";

/**
 * When calls are shared, and how long threads are waited for. Tests set these: costs of 0 and
 * nothing learned to have every call shared, times that pass sooner. Costs are in elements of a forward pass, times in ms.
 */
export const LIMITS = {
  /**
   * A call that costs less runs on the calling thread. With three quarters of this, two threads gained a seventh where a processor
   * was free, and lost half where none was.
   */
  small: 16_000,
  /** A call that costs as much is worth waking threads. */
  large: 400_000,
  /** Whether calls run on the calling thread where that turns out to be faster. */
  learns: true,
  /** The least cost of a block of rows: taking one costs a fraction of a microsecond. */
  block: 6_000,
  /** A call that needs more linear memory besides its batches, in bytes, runs on the calling thread. */
  room: 2 ** 26,
  /** Memory of up to so many bytes is kept for the next such call. */
  kept: 2 ** 22,
  /** A worker that does not answer in this time is done without. */
  answer: 10_000,
  /** A thread is taken for dead if a block takes it longer than this, plus a time for each of its elements. */
  patience: 2_000,
  /** A thread is taken for dead if it has seen none of many tasks for so long. */
  unseen: 5_000,
};

/** What an element costs, beside one of a forward pass. */
export const COSTS: Readonly<Record<KIND, number>> = {
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

/** The most that an element costs in a call of a norm. */
export const MOST_COST = COSTS[KIND.stripes];
