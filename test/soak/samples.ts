/** The memory of the process and of the kernels over time, and whether it grows. */

const MIB = 2 ** 20;

/** Bytes, taken after a full collection. */
export interface Sample {
  seconds: number;
  actions: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
  rss: number;
  /**
   * The linear memory of the instances that live as long as the run, and the bytes of matrices beyond those that are
   * known to be held.
   */
  linear: number;
  unaccounted: number;
}

/**
 * How much larger the median of each may be in the last third of a run than in the middle third. The first third is for
 * warming up. At a thousand actions a second, a leak of 64 bytes an action is more than allowed after two minutes, one of
 * a byte an action after two hours; an instance that is not collected keeps 64 KiB or more, and one comes every half
 * second.
 *
 *   heapUsed      code that is compiled late, and what the collector has not yet found
 *   external      as arrayBuffers, which are part of it
 *   arrayBuffers  all that is held is freed or dropped before a sample but the tables and what the instances hold
 *   rss           pages that the allocator of the process keeps: they come and go by some tens of MiB
 *   linear        nothing: the memories were grown at the start to more than twice what matrices hold at a time
 *   unaccounted   nothing: memory.used is exact
 */
export const ALLOWED = {
  heapUsed: 2 * MIB,
  external: 2 * MIB,
  arrayBuffers: 2 * MIB,
  rss: 48 * MIB,
  linear: 0,
  unaccounted: 0,
} as const;

export type Quantity = keyof typeof ALLOWED;

export const QUANTITIES = Object.keys(ALLOWED) as Quantity[];

export interface Trend {
  middle: number;
  last: number;
  most: number;
  isFlat: boolean;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}

export function trendOf(samples: readonly Sample[], quantity: Quantity): Trend {
  const third = Math.floor(samples.length / 3);
  const values = samples.map((sample) => sample[quantity]);
  const middle = median(values.slice(third, 2 * third));
  const last = median(values.slice(2 * third));
  return { middle, last, most: Math.max(...values), isFlat: last - middle <= ALLOWED[quantity] };
}
