/** Pseudo-random numbers from a seed, so that a run can be repeated and every network starts from the same weights. */

/** A stream of numbers, uniform in [0, 1). */
export type Random = () => number;

/** Mulberry32: 32 bits of state, which is plenty for initial weights and shuffles. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` normally distributed numbers with mean 0 (Box and Muller). */
export function normals(random: Random, length: number, deviation: number): Float32Array {
  return Float32Array.from({ length }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return deviation * radius * Math.cos(2 * Math.PI * random());
  });
}

/** Puts the elements in random order, in place (Fisher and Yates). */
export function shuffle(random: Random, order: Uint32Array): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const held = order[i] as number;
    order[i] = order[j] as number;
    order[j] = held;
  }
}
