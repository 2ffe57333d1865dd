/**
 * When calls are shared, and how long threads are waited for. Tests set these: costs of 0 to have every call shared, times that pass
 * sooner. Costs are in elements of a forward pass, times in ms.
 */
export const LIMITS = {
  /** A call that costs less runs on the calling thread, for it takes no longer than telling the others. */
  small: 12_000,
  /** A call that costs as much is worth waking threads. */
  large: 400_000,
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
