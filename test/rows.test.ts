/**
 * Row reductions, against sums without rounding errors. On any row, each error is at most what double precision explains,
 * and each element counts once, for its own row.
 */
import { loadSync } from "adanorm";
import { describe, expect, test } from "vitest";
import { expectSameBytes, expectWithin, normal, random } from "./support.js";

const kernels = loadSync();

/**
 * The largest relative error of rounding to double precision. A sum of n terms in any order has n times that, relative
 * to the sum of |terms|.
 */
const UNIT = 2 ** -53;

/** The sum, with the error of each addition added too (Neumaier), as if in twice double precision. */
function sum(terms: readonly number[]): number {
  let total = 0;
  let lost = 0;
  for (const term of terms) {
    const next = total + term;
    lost += Math.abs(total) >= Math.abs(term) ? total - next + term : term - next + total;
    total = next;
  }
  return total + (Number.isNaN(lost) ? 0 : lost);
}

/** Each reduction of one row, and the bound of its error. */
function reduce(row: readonly number[], ddof: 0 | 1) {
  const n = row.length;
  const bound = n * UNIT;
  const total = sum(row);
  const l1 = sum(row.map(Math.abs));
  const square = sum(row.map((x) => x * x));
  const mean = total / n;
  const deviations = row.map((x) => x - mean);
  // The correction for the rounding of the mean.
  const squares = sum(deviations.map((x) => x * x)) - sum(deviations) ** 2 / n;
  const variance = squares / (n - ddof);
  return {
    sum: [total, bound * l1],
    // The mean is computed about a first estimate, so the sum is only of deviations.
    mean: [mean, 3 * UNIT * Math.abs(mean) + ((bound + 2 * UNIT) * sum(deviations.map(Math.abs))) / n],
    l1: [l1, bound * l1],
    sumSquare: [square, (bound + UNIT) * square],
    l2: [Math.sqrt(square), (bound + 2 * UNIT) * Math.sqrt(square)],
    rms: [Math.sqrt(square / n), (bound + 3 * UNIT) * Math.sqrt(square / n)],
    // Each deviation, its square, and the correction are rounded too.
    variance: [variance, (bound + 8 * UNIT) * variance],
    std: [Math.sqrt(variance), (bound + 8 * UNIT) * Math.sqrt(variance)],
    min: [Math.min(...row), 0],
    max: [Math.max(...row), 0],
  } as const;
}

const NAMES = ["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const;

test("rows of one element, of which there are more numbers in the results than in the batch", () => {
  const x = normal(30_000, 1);
  using matrix = kernels.matrix(x, 1);
  for (const batch of [x, matrix]) {
    const { mean, variance } = kernels.rows(1).moments(batch);
    expectSameBytes(mean, Float64Array.from(x));
    expectSameBytes(variance, new Float64Array(x.length));
    expectSameBytes(kernels.rows(1).max(batch), Float64Array.from(x));
  }
  expectSameBytes(matrix.data, x);
});

/** Every reduction of every row, of arrays and matrices, for both ddof. */
function check(x: Float32Array, size: number, what: string): void {
  const rows = kernels.rows(size);
  const matrix = kernels.matrix(x, size);
  for (const ddof of [0, 1] as const) {
    const want = Array.from({ length: x.length / size }, (_, row) =>
      reduce(Array.from(x.subarray(row * size, (row + 1) * size)), ddof),
    );
    for (const name of NAMES) {
      const got = rows[name](x, { ddof });
      const bounds = want.map((row) => (Number.isFinite(row[name][0]) ? row[name][1] : 0));
      expectWithin(
        got,
        want.map((row) => row[name][0]),
        bounds,
        `${name}, ddof ${ddof}, ${what}`,
      );
      expectSameBytes(rows[name](matrix, { ddof }), got, `${name} of a matrix, ${what}`);
    }
    const { mean, variance } = rows.moments(x, { ddof });
    expectSameBytes(mean, rows.mean(x), `moments' mean, ${what}`);
    expectSameBytes(variance, rows.variance(x, { ddof }), `moments' variance, ${what}`);
    const resident = rows.moments(matrix, { ddof });
    expectSameBytes(resident.mean, mean, `moments' mean of a matrix, ${what}`);
    expectSameBytes(resident.variance, variance, `moments' variance of a matrix, ${what}`);
  }
  matrix.free();
}

test("rows of every length up to 70, 0 to 3 of them", () => {
  for (let size = 1; size <= 70; size++) {
    for (let rows = 0; rows <= 3; rows++) check(normal(rows * size, size + rows, 0.5), size, `${rows} x ${size}`);
  }
});

test("long rows, and more rows than a tile holds", () => {
  for (const [rows, size] of [
    [3, 1023],
    [2, 4099],
    [1, 70001],
    [1003, 99],
    [4099, 9],
  ] as const) {
    check(normal(rows * size, size, 1000), size, `${rows} x ${size}`);
  }
});

describe("hard rows keep their precision:", () => {
  test.each<[string, (value: number, index: number) => number]>([
    ["tiny", (value) => 1e-30 * value],
    ["subnormal", (value) => 1e-42 * value],
    ["huge", (value) => 1e30 * value],
    ["the largest there are, of both signs", (_, index) => (index % 2 ? 3.4e38 : -3.4e38)],
    ["far from the origin", (value) => 1e6 + value],
    ["far from the origin, hardly apart", (_, index) => 40000 + (index % 4)],
    ["of very different magnitudes", (value, index) => value * 10 ** ((index % 40) - 20)],
    ["cancelling", (value, index) => (index % 2 ? -1 : 1) * (1e7 + Math.round(value))],
    ["constant", () => 0.1],
  ])("%s", (_name, of) => {
    for (const size of [1, 2, 3, 7, 31, 64, 257, 1000]) check(normal(3 * size, size).map(of), size, `${size}`);
  });
});

test("the smallest and the largest are found wherever they are", () => {
  for (let size = 1; size <= 70; size++) {
    const x = normal(size * size, size);
    for (let row = 0; row < size; row++) {
      x[row * size + row] = 100;
      x[row * size + ((row + 1) % size)] = -100;
    }
    if (size > 1) expect(kernels.rows(size).max(x)).toEqual(new Float64Array(size).fill(100));
    expect(kernels.rows(size).min(x)).toEqual(new Float64Array(size).fill(-100));
  }
});

test("a NaN anywhere makes all of its row NaN, and no other", () => {
  const next = random(1);
  for (let size = 1; size <= 70; size++) {
    const x = normal(3 * size, size);
    x[size + Math.floor(next() * size)] = Number.NaN;
    check(x, size, `NaN among ${size}`);
    for (const name of NAMES) {
      const found = Array.from(kernels.rows(size)[name](x), Number.isNaN);
      expect(found, `${name} of ${size}`).toEqual([false, true, false]);
    }
  }
});

test("infinities go where arithmetic takes them", () => {
  for (const size of [1, 2, 5, 16, 33, 100]) {
    for (const values of [
      [Number.POSITIVE_INFINITY],
      [Number.NEGATIVE_INFINITY],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ]) {
      const x = normal(3 * size, size);
      x.set(values.slice(0, size), size);
      check(x, size, `${values} among ${size}`);
    }
  }
});

test("zeros keep their sign where it is that of the extreme", () => {
  const rows = kernels.rows(5);
  const x = Float32Array.of(0, 0, -0, 0, 0, -0, -0, -0, -0, 0, -0, -0, -0, -0, -0);
  expect([...rows.min(x), ...rows.max(x)].map((zero) => Object.is(zero, -0))).toEqual([
    true,
    true,
    true,
    false,
    false,
    true,
  ]);
});

test("the variance of one element is 0, and NaN where it loses its one degree of freedom", () => {
  const rows = kernels.rows(1);
  const x = Float32Array.of(3, -0, 1e30);
  expect(rows.variance(x)).toEqual(new Float64Array(3));
  expect(rows.variance(x, { ddof: 1 })).toEqual(new Float64Array(3).fill(Number.NaN));
  expect(rows.std(x, { ddof: 1 })).toEqual(new Float64Array(3).fill(Number.NaN));
  expect(rows.moments(x, { ddof: 1 }).variance).toEqual(new Float64Array(3).fill(Number.NaN));
});

test("the default of ddof is 0", () => {
  const rows = kernels.rows(10);
  const x = normal(30, 1);
  for (const name of ["variance", "std"] as const) expectSameBytes(rows[name](x), rows[name](x, { ddof: 0 }));
  expectSameBytes(rows.moments(x).variance, rows.variance(x, { ddof: 0 }));
});

test("leave what they are given, and the memory, as they were", () => {
  const x = normal(1000, 1);
  const before = x.slice();
  const matrix = kernels.matrix(x, 10);
  const { used } = kernels.memory;
  for (const name of NAMES) {
    kernels.rows(10)[name](x);
    kernels.rows(10)[name](matrix);
  }
  expectSameBytes(x, before);
  expectSameBytes(matrix.data, before);
  expect(kernels.memory.used).toBe(used);
});
