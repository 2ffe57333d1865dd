/**
 * Rows of every kind side by side: the kernels take several rows at a time where all of them are ordinary, and each row is to
 * have the bytes that it has by itself.
 */
import { loadSync, type RowStats } from "adanorm";
import { describe, expect, test } from "vitest";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, random } from "./support.ts";

const kernels = loadSync();

/** What becomes of an ordinary row: each kind takes another path in forward, in backward, or in both. */
const KINDS: readonly ((value: number, index: number) => number)[] = [
  (value) => value,
  (value) => value,
  (value) => value + 0.4,
  (value) => value + 0.7,
  (value) => value + 3,
  (value) => value + 1000,
  (value) => value * 1e-25,
  (value) => value * 1e25,
  (value, index) => (index === 5 ? 40 : value),
  () => 0.1,
  () => 0,
  (value, index) => (index === 9 ? Number.NaN : value),
  (value, index) => (index === 2 ? Number.NEGATIVE_INFINITY : value),
];

/** Rows of 64 on go in f32, those of 256 on by other passes; some fill vectors and groups of them, others do not. */
const SIZES = [16, 30, 63, 64, 71, 80, 96, 130, 240, 255, 256, 257, 272, 301];

/** A batch whose rows are of kinds drawn at random, and ordinary ones for the most part where `share` is high. */
function batch(rows: number, size: number, seed: number, share: number): Float32Array {
  const next = random(seed);
  const values = normal(rows * size, seed);
  for (let row = 0; row < rows; row++) {
    const kind = next() < share ? 0 : Math.floor(next() * KINDS.length);
    const of = KINDS[kind] as (typeof KINDS)[number];
    for (let index = 0; index < size; index++) values[row * size + index] = of(values[row * size + index] ?? 0, index);
  }
  return values;
}

describe.each(NORMS)("%s", (name) => {
  test.each(SIZES)("every row of %i has the bytes that it has alone", (size) => {
    const params = hasParams(name) ? { gain: normal(size, 3, 1, 0.5), bias: normal(size, 4) } : {};
    const norm = makeNorm(kernels, name, { size });
    for (const [rows, share] of [
      [33, 0],
      [34, 0.9],
      [7, 0.5],
    ] as const) {
      const x = batch(rows, size, size + rows, share);
      const dy = normal(rows * size, size);
      const residual = normal(rows * size, 7, 0, 0.1);
      const forward = norm.forward(x, params);
      const added = norm.forward(x, { ...params, residual });
      const { dx } = norm.backward(dy, x, forward, params);
      const summed = norm.backward(dy, x, forward, hasParams(name) ? params : { ...params, out: {} });
      for (let row = 0; row < rows; row++) {
        const of = (array: Float32Array) => array.subarray(row * size, (row + 1) * size);
        const what = `row ${row} of ${rows}`;
        const alone = norm.forward(of(x), params);
        const stats: RowStats = { mean: alone.mean, rstd: alone.rstd };
        expectSameBytes(of(forward.y), alone.y, `y, ${what}`);
        expectSameBytes(forward.mean.subarray(row, row + 1), alone.mean, `mean, ${what}`);
        expectSameBytes(forward.rstd.subarray(row, row + 1), alone.rstd, `rstd, ${what}`);
        expectSameBytes(of(dx), norm.backward(of(dy), of(x), stats, params).dx, `dx, ${what}`);
        expectSameBytes(of(summed.dx), of(dx), `dx beside sums of columns, ${what}`);
        const addedAlone = norm.forward(of(added.sum), params);
        expectSameBytes(of(added.y), addedAlone.y, `y of a sum, ${what}`);
        expect(added.rstd[row]).toBe(addedAlone.rstd[0]);
      }
    }
  });
});
