/** Choices from a seed, so that a failing burst can be repeated. */
import { normals, type Random, seeded } from "../../digits/random.ts";

export class Choices {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** An integer from `least` to `most`. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  of<T>(values: readonly T[]): T {
    return values[this.integer(0, values.length - 1)] as T;
  }

  shuffle<T>(values: T[]): T[] {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [values[i], values[j]] = [values[j] as T, values[i] as T];
    }
    return values;
  }

  /** Rows like embeddings, with some that are hard for norms: far from the origin, tiny, huge, constant. */
  rows(rows: number, size: number): Float32Array {
    const x = normals(this.#random, rows * size, 1);
    for (let row = 0; row < rows; row++) {
      const [scale, shift] = this.of([
        [1, 0],
        [1, 0],
        [0.02, 0],
        [1, 1e4],
        [1e30, 0],
        [1e-30, 0],
        [0, 3],
      ] as const);
      for (let i = row * size; i < (row + 1) * size; i++) x[i] = (x[i] as number) * scale + shift;
    }
    return x;
  }

  /** Cuts at odd places: most parts end within a float. */
  cut(bytes: Uint8Array, most: number): Uint8Array[] {
    const cuts = Array.from({ length: this.integer(1, most - 1) }, () => this.integer(0, bytes.length));
    const ends = [...cuts.sort((a, b) => a - b), bytes.length];
    return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end)).filter((part) => part.length > 0);
  }
}
