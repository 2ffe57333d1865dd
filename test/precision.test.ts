/**
 * Which rows are computed in f32 and which in f64: docs/numerics.md says where the limits are. A result in f64 is the formula's,
 * rounded once. One in f32 was rounded after every step, which shows in many of its elements.
 */
import { loadSync, type RowStats } from "adanorm";
import { describe, expect, it } from "vitest";
import { gradient } from "./accuracy/oracle.ts";
import { combinations, expectSameBytes, normal } from "./support.ts";

const kernels = loadSync();
const size = 200;

type Precision = "f32" | "f64";

/** The precision that results were computed in, by the formula in doubles. */
function precisionOf(got: Float32Array, want: ArrayLike<number>): Precision {
  const rounded = got.filter((value, i) => value !== Math.fround(want[i] as number)).length;
  // The order of a sum in doubles may change what one element in a million is rounded to.
  return rounded <= got.length / 100 ? "f64" : "f32";
}

/** A row of `length` elements with this mean and standard deviation. */
function rowOf(mean: number, sigma: number, length = size, seed = 1): Float32Array {
  const some = Float64Array.from(normal(length, seed));
  const average = some.reduce((sum, value) => sum + value, 0) / length;
  const variance = some.reduce((sum, value) => sum + (value - average) ** 2, 0) / length;
  return Float32Array.from(some, (value) => mean + ((value - average) / Math.sqrt(variance)) * sigma);
}

/** Some rows, one after another. */
function batchOf(...rows: Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => Array.from(row)));
}

/** z by the formula, for given statistics. */
function normalised(x: Float32Array, { mean, rstd }: RowStats): Float64Array {
  const length = x.length / mean.length;
  return Float64Array.from(x, (value, i) => {
    const row = Math.floor(i / length);
    return (value - (mean[row] as number)) * (rstd[row] as number);
  });
}

/** Of how many rows a batch is: one, a pair, and pairs of which one is summed while another is written. */
const COUNTS = [1, 2, 5];
/** Short rows, and long ones. */
const SIZES = [200, 300];

describe("the statistics of a row are found in", () => {
  const LIMITS: [sigma: number, precision: Precision][] = [
    [0.99 * 2 ** -32, "f64"],
    [1.01 * 2 ** -32, "f32"],
    [0.99 * 2 ** 32, "f32"],
    [1.01 * 2 ** 32, "f64"],
  ];
  for (const { means, count, length } of combinations({ means: [0, 0.8, 20], count: COUNTS, length: SIZES })) {
    it.each(LIMITS)(`sigma %d: %s, ${count} rows of ${length} with means of ${means} sigma`, (sigma, precision) => {
      const rows = Array.from({ length: count }, (_, i) => rowOf(means * sigma, sigma, length, 10 + i));
      const { rstd } = kernels.layerNormSimple({ size: length, eps: 0 }).forward(batchOf(...rows));
      // Reductions are in f64 always.
      const exact = kernels.rows(length).std(batchOf(...rows));
      rstd.forEach((value, i) => {
        expect(Math.abs(value * (exact[i] as number) - 1) < 1e-14 ? "f64" : "f32").toBe(precision);
      });
      if (means !== 0) return;
      const rms = kernels.rmsNorm({ size: length, eps: 0 }).forward(batchOf(...rows));
      const roots = kernels.rows(length).rms(batchOf(...rows));
      rms.rstd.forEach((value, i) => {
        expect(Math.abs(value * (roots[i] as number) - 1) < 1e-14 ? "f64" : "f32").toBe(precision);
      });
    });
  }

  it("f64 in rows of less than 64 elements", () => {
    for (const length of [1, 2, 5, 31, 62, 63, 64, 65]) {
      const x = normal(length, 1);
      const [rstd] = kernels.rmsNorm({ size: length, eps: 0 }).forward(x).rstd as unknown as [number];
      const [exact] = kernels.rows(length).rms(x) as unknown as [number];
      expect(Math.abs(rstd * exact - 1) < 1e-14 ? "f64" : "f32", `${length} elements`).toBe(
        length < 64 ? "f64" : "f32",
      );
    }
  });
});

describe("y is written in", () => {
  const LIMITS: [rstd: number, precision: Precision][] = [
    [0.99 * 2 ** -32, "f64"],
    [1.01 * 2 ** -32, "f32"],
    [0.99 * 2 ** 32, "f32"],
    [1.01 * 2 ** 32, "f64"],
  ];
  for (const { count, length } of combinations({ count: COUNTS, length: SIZES })) {
    it.each(LIMITS)(`1/sigma %d: %s, ${count} rows of ${length}`, (rstd, precision) => {
      // sigma is that of eps: of the rows themselves there is next to nothing in it.
      const rows = Array.from({ length: count }, (_, i) => rowOf(0, 1e-6 / rstd, length, 10 + i));
      const x = batchOf(...rows);
      const { y, ...stats } = kernels.layerNormSimple({ size: length, eps: rstd ** -2 }).forward(x);
      expect(precisionOf(y, normalised(x, stats))).toBe(precision);
    });

    it(`f32, the mean taken off in one piece up to a sigma and in two beyond, ${count} rows of ${length}`, () => {
      for (const mean of [0.99, 1.01, -0.99, -1.01, 5]) {
        const rows = Array.from({ length: count }, (_, i) => rowOf(mean, 1, length, 10 + i));
        const x = batchOf(...rows);
        const { y, ...stats } = kernels.layerNormSimple({ size: length, eps: 0 }).forward(x);
        const want = x.map((value, i) => {
          const row = Math.floor(i / length);
          const high = Math.fround(stats.mean[row] as number);
          const low = Math.fround((stats.mean[row] as number) - high);
          const t = Math.fround(value - high);
          return (Math.abs(mean) > 1 ? Math.fround(t - low) : t) * Math.fround(stats.rstd[row] as number);
        });
        expectSameBytes(y, want, `mean ${mean} sigma`);
      }
    });
  }

  const FACTORS: [factor: number, precision: Precision][] = [
    [0.99 * 2 ** -16, "f64"],
    [1.01 * 2 ** -16, "f32"],
    [2 ** 16, "f32"],
    [2 ** 16 + 0.5, "f64"],
  ];
  it.each(FACTORS)("adaNorm, scale %d: %s", (scale, precision) => {
    const x = rowOf(0, 1.3);
    const { y, ...stats } = kernels.adaNorm({ size, scale }).forward(x);
    const want = normalised(x, stats).map((z) => scale * (1 - 0.1 * z) * z);
    expect(precisionOf(y, want)).toBe(precision);
  });
  it.each([...FACTORS, [0, "f32"] as const])("adaNorm, k %d: %s", (k, precision) => {
    const x = rowOf(0, 1.3);
    const { y, ...stats } = kernels.adaNorm({ size, k }).forward(x);
    const want = normalised(x, stats).map((z) => (1 - k * z) * z);
    expect(precisionOf(y, want)).toBe(precision);
  });
});

/** An ordinary row but for one element, whose |z| is as given. */
function withOutlier(z: number, length: number, at: number, sign: number): Float32Array {
  const x = rowOf(0, 1, length);
  let [low, high] = [0, 1000];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    x[at] = sign * middle;
    if (Math.abs(normalised(x, statisticsOf(x))[at] as number) < z) low = middle;
    else high = middle;
  }
  return x;
}

/** Of one row, in doubles, as reductions are. */
function statisticsOf(x: Float32Array): RowStats {
  const { mean, variance } = kernels.rows(x.length).moments(x);
  return { mean, rstd: variance.map((value) => 1 / Math.sqrt(value)) };
}

describe("dx is computed in", () => {
  interface Given {
    eps?: number;
    detached?: boolean;
    k?: number;
    scale?: number;
  }

  /** The precision of adaNorm's dx of a row. */
  function precisionOfGradient(dy: Float32Array, x: Float32Array, given: Given): Precision {
    const { eps = 0, detached = false, k = 0, scale = 1 } = given;
    const held = { detachMean: detached, detachStd: detached };
    const freedom = x.length;
    const norm = kernels.adaNorm({ size: freedom, eps, k, scale, ...held });
    const stats = norm.forward(x);
    const z = normalised(x, stats);
    const dz = z.map((value, i) => scale * (1 - k * value) * (dy[i] as number));
    const want = new Float64Array(freedom);
    gradient(want, dz, z, { rstd: stats.rstd[0] as number, kappa: 1, freedom, ...held });
    return precisionOf(norm.backward(dy, x, stats).dx, want);
  }

  const length = 303;
  // Some, and each of the last, which fill no vector or no pair of them.
  const PLACES = [0, 9, 100, ...Array.from({ length: 16 }, (_, i) => length - 1 - i)];

  for (const detached of [false, true]) {
    const held = detached ? ", statistics held constant" : "";

    it.each([
      [0.99 * 2 ** -16, "f64"],
      [1.01 * 2 ** -16, "f32"],
      [0.99 * 2 ** 16, "f32"],
      [1.000005 * 2 ** 16, "f64"],
    ] as const)(`1/sigma %d: %s${held}`, (rstd, precision) => {
      const x = rowOf(0, 1e-4 / rstd);
      expect(precisionOfGradient(normal(size, 2), x, { eps: rstd ** -2, detached })).toBe(precision);
    });

    it.each([
      [0.99 * 2 ** -16, "f64"],
      [1.01 * 2 ** -16, "f32"],
      [2 ** 16, "f32"],
      [2 ** 16 + 0.5, "f64"],
    ] as const)(`scale %d: %s${held}`, (scale, precision) => {
      expect(precisionOfGradient(normal(size, 2), rowOf(0, 1.3), { detached, scale })).toBe(precision);
    });

    it.each([
      [0.99 * 2 ** -16, "f64"],
      [1.01 * 2 ** -16, "f32"],
    ] as const)(`adaNorm, k / sigma %d: %s${held}`, (kPerSigma, precision) => {
      const x = rowOf(0, 2 ** 8);
      expect(precisionOfGradient(normal(size, 2), x, { detached, k: kPerSigma * 2 ** 8 })).toBe(precision);
    });

    it(`f64 where k |z| is beyond 0.9, wherever that is${held}`, () => {
      const dy = normal(length, 2);
      for (const { at, sign } of combinations({ at: PLACES, sign: [1, -1] })) {
        const x = withOutlier(4, length, at, sign);
        const found = [0.89, 0.91, 1.2].map((product) => precisionOfGradient(dy, x, { detached, k: product / 4 }));
        expect(found, `at ${at}, sign ${sign}`).toEqual(["f32", "f64", "f64"]);
      }
    });
  }

  it("f64 where |z| is beyond 6, wherever that is", () => {
    const dy = normal(length, 2);
    for (const { at, sign } of combinations({ at: PLACES, sign: [1, -1] })) {
      const found = [5.95, 6.03].map((z) => precisionOfGradient(dy, withOutlier(z, length, at, sign), {}));
      expect(found, `at ${at}, sign ${sign}`).toEqual(["f32", "f64"]);
    }
  });

  it("f64 where one element makes up more than a quarter of the variance", () => {
    const found = [4.95, 5.05].map((z) => precisionOfGradient(normal(100, 2), withOutlier(z, 100, 3, 1), {}));
    expect(found).toEqual(["f32", "f64"]);
  });

  it("f64 where a sum, or what is made of it, is not between 2^-100 and 2^100", () => {
    for (const { sigma, along } of combinations({ sigma: [1, 2 ** -12, 2 ** 12], along: ["1", "z"] as const })) {
      const x = rowOf(0, sigma);
      const stats = statisticsOf(x);
      const rstd = stats.rstd[0] as number;
      const z = normalised(x, stats);
      const some = normal(size, 2).map((value, i) => value + (along === "z" ? 20 * (z[i] as number) : 20));
      const sum = some.reduce((total, value) => total + value, 0);
      const product = some.reduce((total, value, i) => total + (value * (z[i] as number)) / rstd, 0);
      const scalars = [sum, product, (rstd * sum) / size, (rstd ** 3 * product) / size].map(Math.abs);
      for (const scalar of scalars) {
        for (const limit of [1.01 * 2 ** -100, 0.99 * 2 ** -100, 0.99 * 2 ** 100, 1.01 * 2 ** 100]) {
          const factor = limit / scalar;
          const fits = scalars.every((one) => one * factor >= 2 ** -100 && one * factor <= 2 ** 100);
          const dy = some.map((value) => value * factor);
          // Not what f32 cannot hold itself.
          if (factor < 2 ** -120 || !dy.every(Number.isFinite)) continue;
          const what = `sigma ${sigma}, dy along ${along}, ${scalars.map((one) => Math.log2(one * factor))}`;
          expect(precisionOfGradient(dy, x, {}), what).toBe(fits ? "f32" : "f64");
        }
      }
    }
  });
});

describe("dGain and dBias are added in", () => {
  it.each([
    [8, "f64"],
    [10, "f32"],
  ] as const)("%i rows: %s", (rows, precision) => {
    const x = normal(rows * size, 1);
    const dy = normal(rows * size, 2);
    const norm = kernels.layerNorm({ size });
    const { y, ...stats } = norm.forward(x);
    const out = { dGain: new Float32Array(size), dBias: new Float32Array(size) };
    norm.backward(dy, x, stats, { out });
    const z = normalised(x, stats);
    const sumOf = (of: (i: number) => number) =>
      Float64Array.from({ length: size }, (_, column) => {
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += of(row * size + column);
        return sum;
      });
    expect(
      precisionOf(
        out.dGain,
        sumOf((i) => (dy[i] as number) * (z[i] as number)),
      ),
    ).toBe(precision);
    expect(
      precisionOf(
        out.dBias,
        sumOf((i) => dy[i] as number),
      ),
    ).toBe(precision);
  });
});
