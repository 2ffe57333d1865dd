/** The promised accuracy, on a part of the cases of `npm run accuracy`; and the oracle of both. */
import { loadSync } from "adanorm";
import { describe, expect, it, test } from "vitest";
import { ulpAt } from "./accuracy/bounds.ts";
import { dot, type Pair, sum, twoProd, twoSum } from "./accuracy/double-double.ts";
import { ExactRow } from "./accuracy/exact.ts";
import { FAMILIES } from "./accuracy/families.ts";
import { ColumnSums, gradient, momentsOf, quotient } from "./accuracy/oracle.ts";
import { DEFAULT_SEED, describeViolation, perform, planFor, violations } from "./accuracy/plan.ts";
import { Random } from "./accuracy/random.ts";
import { measureReductions, missedReductions } from "./accuracy/reductions.ts";
import { describeFound, GOAL_COUNT, QUICK_SEARCH, search } from "./accuracy/search.ts";
import { decode, encode, STORAGES, spacingAt } from "./accuracy/storage.ts";

describe("the bounds hold", () => {
  test.each(FAMILIES.map((family) => [family.name, family] as const))("%s", (_, family) => {
    const missed = planFor(family, true).flatMap((task) => violations(perform(task)));
    expect(missed.map(describeViolation)).toEqual([]);
  });
});

test("a climbing search finds nothing beyond them", () => {
  const found = Array.from({ length: GOAL_COUNT }, (_, index) => search(index, QUICK_SEARCH, DEFAULT_SEED));
  expect(found.filter(({ value, bound }) => !(value <= bound)).map(describeFound)).toEqual([]);
});

test.each([1, 2, 7, 255, 4096, 1_000_000])("row reductions of %i elements hold theirs", (size) => {
  expect(missedReductions(measureReductions(size, 2000, DEFAULT_SEED))).toEqual([]);
});

describe("rows that broke a bound once", () => {
  const kernels = loadSync();

  /** The error of 1 / sigma, in ulp of f32. */
  function rstdError(x: Float32Array): number {
    const size = x.length;
    const exact = new ExactRow(size);
    exact.set(x, { size, eps: 0, epsAt: "variance", ddof: 0, scale: 1, k: 0.1, detachScale: true, dtype: "f32" });
    const [rstd] = kernels.layerNormSimple({ size, eps: 0 }).forward(x).rstd;
    return Math.abs(((rstd as number) - exact.rstd) / ulpAt(exact.rstd));
  }

  it("one element stands out of a row that alternates: 1 / sigma is within 2 ulp, wherever it stands", () => {
    for (let at = 0; at < 64; at++) {
      const x = Float32Array.from({ length: 512 }, (_, i) => (i === at ? 5799 : i % 2 ? 1 : -1));
      expect(rstdError(x), `at ${at}`).toBeLessThanOrEqual(2);
    }
  });

  it("one element stands out, and every addition to its square loses half an ulp: 1 / sigma is within 2 ulp", () => {
    let worst = 0;
    for (let i = 0; i < 256; i++) {
      const x = Float32Array.from({ length: 512 }, (_, j) => {
        if (j === 0) return 5799 + i / 256;
        // Squares are added in vectors of 4: to the first that of the second, then the sums of two, four, and eight more.
        const vector = (j >> 2) & 15;
        const magnitude = vector === 1 ? Math.SQRT2 : vector < 4 ? 1 : Math.SQRT1_2;
        return (j % 2 ? -0.999 : 0.999) * magnitude;
      });
      worst = Math.max(worst, rstdError(x));
    }
    expect(worst).toBeLessThanOrEqual(2);
    // Else the rows are not what they are meant to be.
    expect(worst).toBeGreaterThan(1.9);
  });

  /** adaNorm's dx by the formula in doubles, of one row for the statistics that backward is given. */
  function gradientOf(dy: Float32Array, x: Float32Array, k: number, detached: boolean, [mean, rstd]: [number, number]) {
    const y = Float64Array.from(x, (value) => (value - mean) * rstd);
    const e = Float64Array.from(dy, (value, i) => value * (1 - k * (y[i] as number)));
    const dx = new Float64Array(x.length);
    const held = { detachMean: detached, detachStd: detached };
    gradient(dx, e, y, { rstd, kappa: 1, freedom: x.length, ...held });
    return { dx, unit: 2 ** -23 * rstd * Math.max(...e.map(Math.abs)) };
  }

  it.each([false, true])(
    "dy is where k y is near 1: dx is as exact as 1 - k y, statistics detached: %s",
    (detached) => {
      for (const size of [64, 65, 256, 1024]) {
        for (const at of [0, 19, 45, 63]) {
          const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i * i + at));
          const dy = new Float32Array(size);
          dy[at] = 1;
          const stats = kernels.layerNormSimple({ size }).forward(x);
          const given = [stats.mean[0] as number, stats.rstd[0] as number] as [number, number];
          const y = ((x[at] as number) - given[0]) * given[1];
          if (y <= 0.1) continue;
          for (const near of [0.99, 0.9999, 1.01]) {
            const k = near / y;
            const norm = kernels.adaNorm({ size, k, detachMean: detached, detachStd: detached });
            const { dx } = norm.backward(dy, x, stats);
            const want = gradientOf(dy, x, k, detached, given);
            dx.forEach((value, i) => {
              const off = Math.abs(value - (want.dx[i] as number)) / want.unit;
              if (!(off <= 3)) expect.fail(`size ${size}, k y ${near}: dx[${i}] is ${off} units off`);
            });
          }
        }
      }
    },
  );
});

/** Binary places of the integers that represent numbers here: more than any double, or its square, needs. */
const PLACES = 2300n;

/** value * 2^PLACES */
function exact(value: number): bigint {
  let whole = value;
  let places = PLACES;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    places -= 1n;
  }
  return BigInt(whole) << places;
}

const exactPair = ({ high, low }: Pair) => exact(high) + exact(low);
const magnitude = (value: bigint) => (value < 0n ? -value : value);

/** Fails where a pair is further from a / b than 2^-98 of size / b; a and size are integers of PLACES places. */
function expectPair(got: Pair, a: bigint, b: bigint, size: bigint, what: string): void {
  const off = magnitude(exactPair(got) * b - a);
  expect(off << 98n <= size, `${what}: ${got.high} + ${got.low}`).toBe(true);
}

describe("the oracle", () => {
  const small = FAMILIES.filter(({ columns }) => !columns).map((family) => [family.name, family] as const);

  it.each(small)("has mean and variance to 2^-98, against integers of any length: %s", (_, family) => {
    const random = new Random(`oracle/${family.name}`);
    for (const size of [1, 2, 3, 5, 17, 64]) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const x = new Float32Array(size);
        family.fill(x, random);
        const t = new Float64Array(size);
        const { mean, squares, originSquares, constant } = momentsOf(x, t, new Float64Array(size));
        const values = Array.from(x, exact);
        const n = BigInt(size);
        const total = values.reduce((a, b) => a + b, 0n);
        const magnitudes = values.reduce((a, b) => a + magnitude(b), 0n);
        // sum (x - mean)^2 = (n sum x^2 - (sum x)^2) / n, of twice the places.
        const square = values.reduce((a, b) => a + b * b, 0n) >> PLACES;
        const centred = n * square - ((total * total) >> PLACES);
        const what = `${family.name}, row ${attempt} of ${size}`;
        expectPair(mean, total, n, magnitudes, `mean, ${what}`);
        expectPair(squares, centred, n, centred, `squares, ${what}`);
        expectPair(originSquares, square, 1n, square, `squares about 0, ${what}`);
        expect(constant, what).toBe(centred === 0n);
        for (const [i, value] of values.entries()) {
          const want = n * value - total;
          const off = magnitude(exact(t[i] as number) * n - want);
          expect(off << 52n <= magnitude(want), `element ${i}, ${what}`).toBe(true);
        }
      }
    }
  });

  it("has the moments of the integers 1 to n, and far from 0 as well", () => {
    for (const size of [2, 3, 1000, 65_536]) {
      for (const first of [0, -32_768, 2 ** 23]) {
        const x = Float32Array.from({ length: size }, (_, i) => first + i);
        const { mean, squares } = momentsOf(x, new Float64Array(size), new Float64Array(size));
        expect(mean).toEqual({ high: first + (size - 1) / 2, low: 0 });
        expect(quotient(squares, size)).toBe((size * size - 1) / 12);
      }
    }
  });

  it("splits sums and products without error, at both ends of the range of f32 too", () => {
    const random = new Random("pairs");
    for (let i = 0; i < 1000; i++) {
      const a = random.normal() * 2 ** random.between(-149, 127);
      const b = random.normal() * 2 ** random.between(-149, 127);
      expect(exactPair(twoSum(a, b))).toBe(exact(a) + exact(b));
      expect(exactPair(twoProd(a, b)) << PLACES).toBe(exact(a) * exact(b));
    }
  });

  it("adds what cancels", () => {
    const a = Float64Array.of(1e30, 1, -1e30, 2 ** -60);
    expect(sum(a)).toEqual({ high: 1, low: 2 ** -60 });
    expect(dot(a, Float64Array.of(3, 1, 3, 1))).toEqual({ high: 1, low: 2 ** -60 });
    const columns = new ColumnSums(1);
    for (const value of [2 ** 100, 1, -(2 ** 100)]) columns.addRow(Float32Array.of(value));
    expect(columns.off(1.25, 0)).toBe(0.25);
    expect(columns.magnitudes[0]).toBe(2 ** 101);
  });

  it("has the gradient of the formula", () => {
    // z = (-1, 1), so that dz - mean(dz) - z mean(dz z) is 0 but for kappa.
    const dx = new Float64Array(2);
    const [dz, z] = [Float64Array.of(3, 7), Float64Array.of(-1, 1)];
    const terms = { rstd: 0.5, kappa: 1, freedom: 2, detachMean: false, detachStd: false };
    gradient(dx, dz, z, terms);
    expect(Array.from(dx)).toEqual([0, 0]);
    gradient(dx, dz, z, { ...terms, kappa: 1.5 });
    expect(Array.from(dx)).toEqual([0.5, -0.5]);
    gradient(dx, dz, z, { ...terms, freedom: 1, detachMean: true });
    expect(Array.from(dx)).toEqual([3.5, 1.5]);
    gradient(dx, dz, z, { ...terms, detachMean: true, detachStd: true });
    expect(Array.from(dx)).toEqual([1.5, 3.5]);
  });

  it.each(["f16", "bf16"] as const)("rounds to the nearest %s, ties to even", (dtype) => {
    const { largest, most } = STORAGES[dtype];
    const infinity = encode([Number.POSITIVE_INFINITY], dtype)[0] as number;
    const values = decode(
      Uint16Array.from({ length: infinity + 1 }, (_, i) => i),
      dtype,
    );
    expect([values[0], values[infinity - 1], values[infinity]]).toEqual([0, largest, Number.POSITIVE_INFINITY]);
    // Infinity takes the place of the number after the largest.
    const at = (i: number) => (i === infinity ? 2 ** (most + 1) : (values[i] as number));
    const wrong: number[] = [];
    for (let i = 0; i < infinity; i++) {
      const [a, b] = [at(i), at(i + 1)];
      const middle = (a + b) / 2;
      const inputs = [a, b, middle, middle - (b - a) / 1024, middle + (b - a) / 1024];
      const want = [i, i + 1, i % 2 ? i + 1 : i, i, i + 1];
      const got = [
        ...encode(inputs, dtype),
        ...encode(
          inputs.map((value) => -value),
          dtype,
        ),
      ];
      const both = [...want, ...want.map((bits) => bits + 0x8000)];
      if (b - a !== spacingAt(a, STORAGES[dtype]) || got.join() !== both.join()) wrong.push(i);
    }
    expect(wrong).toEqual([]);
    expect(decode(encode([Number.NaN], dtype), dtype)[0]).toBeNaN();
    expect(decode(Uint16Array.of(infinity + 1, infinity + 0x8001), dtype)).toEqual(
      new Float32Array(2).fill(Number.NaN),
    );
  });
});

describe("the kernels' conversions", () => {
  it.each(["f16", "bf16"] as const)("are the oracle's, about every %s and every tie", (dtype) => {
    const kernels = loadSync();
    const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const values = decode(all, dtype);
    expect(kernels.matrix(all, 256, dtype).toFloat32()).toEqual(values);
    const finite = values.filter(Number.isFinite);
    const middles = finite.map((value) => value + (spacingAt(value, STORAGES[dtype]) / 2) * (value < 0 ? -1 : 1));
    // Each of them, and the f32 on either side.
    const inputs = new Float32Array(6 * finite.length);
    const words = new Int32Array(inputs.buffer);
    for (const [i, value] of [...finite, ...middles].entries()) {
      inputs.fill(value, 3 * i, 3 * i + 3);
      words[3 * i] = (words[3 * i] as number) - 1;
      words[3 * i + 2] = (words[3 * i + 2] as number) + 1;
    }
    const numbers = inputs.map((value) => (Number.isNaN(value) ? 0 : value));
    const got = kernels.matrix(numbers, numbers.length, dtype).toArray();
    const wrong = Array.from(encode(numbers, dtype), (bits, i) => (bits === got[i] ? -1 : i)).filter((i) => i >= 0);
    expect(wrong.map((i) => numbers[i])).toEqual([]);
  });
});
