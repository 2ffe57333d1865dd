/** Special values: a test for each line of the table in docs/numerics.md. */
import { loadSync } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, it } from "vitest";
import { combinations, expectSameBytes, expectWithin, hasParams, makeNorm, NORMS, normal, ULP } from "./support.ts";

const kernels = loadSync();
const size = 21;
const rows = 9;
const x = normal(rows * size, 1, 0.4);
const dy = normal(rows * size, 2);
const gain = normal(size, 3, 1, 0.5);
const bias = normal(size, 4);

const centred = NORMS.filter((name) => name !== "rmsNorm" && name !== "l2Norm");
const row = (batch: Float32Array, index: number) => batch.subarray(index * size, (index + 1) * size);
const filled = (value: number, length = size) => new Float32Array(length).fill(value);
const with_ = (array: Float32Array, index: number, value: number) => {
  const copy = array.slice();
  copy[index] = value;
  return copy;
};

describe.each(NORMS)("%s", (name) => {
  const params = hasParams(name) ? { gain, bias } : {};
  const norm = makeNorm(kernels, name, { size });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%d in a row of x: that row is NaN",
    (bad) => {
      const poisoned = with_(x, 4 * size + 7, bad);
      const forward = norm.forward(poisoned, params);
      const clean = norm.forward(x, params);
      const backward = norm.backward(dy, poisoned, forward, params);
      const cleanBackward = norm.backward(dy, x, clean, params);
      for (let index = 0; index < rows; index++) {
        if (index === 4) {
          expect(row(forward.y, index)).toEqual(filled(Number.NaN));
          expect(row(backward.dx, index)).toEqual(filled(Number.NaN));
          expect(forward.rstd[index]).toBeNaN();
        } else {
          expectSameBytes(row(forward.y, index), row(clean.y, index), `y of row ${index}`);
          expectSameBytes(row(backward.dx, index), row(cleanBackward.dx, index), `dx of row ${index}`);
          expect(forward.mean[index]).toBe(clean.mean[index]);
          expect(forward.rstd[index]).toBe(clean.rstd[index]);
        }
      }
    },
  );

  it("NaN in dy stays in its row of dx, in its element where nothing is summed, and in its column of dGain", () => {
    const at = 4 * size + 7;
    const clean = norm.backward(dy, x, undefined, params);
    const poisoned = norm.backward(with_(dy, at, Number.NaN), x, undefined, params);
    const elementOnly = name === "detachNorm";
    poisoned.dx.forEach((value, i) => {
      const hit = elementOnly ? i === at : Math.floor(i / size) === 4;
      expect(value, `dx[${i}]`).toBe(hit ? Number.NaN : clean.dx[i]);
    });
    for (const key of ["dGain", "dBias"] as const) {
      const [got, want] = [poisoned[key], clean[key]] as [Float32Array?, Float32Array?];
      // The block of rows around it is summed in f64 or f32 as before, so the other columns keep their bytes.
      got?.forEach((value, i) => {
        expect(value, `${key}[${i}]`).toBe(i === 7 ? Number.NaN : want?.[i]);
      });
    }
  });

  it("no rows: empty results", () => {
    const none = new Float32Array(0);
    const { y, mean, rstd } = norm.forward(none, params);
    expect([y.length, mean.length, rstd.length]).toEqual([0, 0, 0]);
  });

  it.each([2 ** 31, 2 ** 32, 2 ** 52])("no rows of %d elements, which no memory holds: empty results", (long) => {
    const none = new Float32Array(0);
    const longest = makeNorm(kernels, name, { size: long });
    const { y, ...stats } = longest.forward(none);
    expect(y.length).toBe(0);
    expect(longest.backward(none, none, stats).dx.length).toBe(0);
  });

  it("the largest eps: y is 0, and nothing overflows", () => {
    const huge = makeNorm(kernels, name, { size, eps: Number.MAX_VALUE });
    const sigma = name === "l2Norm" ? Number.MAX_VALUE : Math.sqrt(Number.MAX_VALUE);
    for (const batch of [x, filled(3.4e38), x.map((_, i) => (i % 2 ? 3.4e38 : -3.4e38))]) {
      const { y, rstd } = huge.forward(batch);
      expect(y.every((value) => value === 0)).toBe(true);
      expect(rstd.every((value) => value === 1 / sigma)).toBe(true);
    }
  });
});

describe.each(centred)("%s, constant rows", (name) => {
  const params = hasParams(name) ? { gain, bias } : {};
  const constants = [0, 0.1, 1234, -40000.3, 1e-30, 1e-45, 1e30, 3.4028234663852886e38];

  it.each([1, 2, 3, 7, 64, 255, 256, 257, 4099])("give exactly 0 (+ bias) for eps > 0, of size %i", (length) => {
    const norm = makeNorm(kernels, name, { size: length });
    const own = hasParams(name) ? { gain: normal(length, 5), bias: normal(length, 6) } : {};
    for (const constant of constants) {
      const { y, mean, rstd } = norm.forward(filled(constant, length), own);
      const want = own.bias ?? filled(0, length);
      y.forEach((value, i) => {
        if (value !== want[i]) expect.fail(`constant ${constant}: y[${i}] is ${value}, not ${want[i]}`);
      });
      expect(mean[0]).toBe(Math.fround(constant));
      expect(rstd[0]).toBe(1 / Math.sqrt(1e-5));
    }
  });

  it("give NaN for eps = 0, where 0 / 0 stands, and rstd infinite", () => {
    const norm = makeNorm(kernels, name, { size, eps: 0 });
    const { y, mean, rstd } = norm.forward(filled(7), params);
    expect(y).toEqual(filled(Number.NaN));
    expect([mean[0], rstd[0]]).toEqual([7, Number.POSITIVE_INFINITY]);
  });

  it("give NaN in dx for eps = 0, whatever is held constant", () => {
    for (const length of [size, 64]) {
      for (const options of combinations({
        epsAt: ["variance", "std"] as const,
        detachMean: [false, true],
        detachStd: [false, true],
      })) {
        const norm = makeNorm(kernels, name, { size: length, eps: 0, ...options });
        const upstream = filled(1, length * rows).map((_, i) => i % 3);
        const { dx } = norm.backward(upstream, filled(7, length * rows));
        expect(dx, JSON.stringify(options)).toEqual(filled(Number.NaN, length * rows));
      }
    }
  });

  it("stay 0 (+ bias) for any eps > 0, with a finite rstd, and have dx of 0 where dy is constant", () => {
    for (const { eps, ...options } of combinations({
      eps: [5e-324, 5.6e-309, 1e-300, 1e-160, 1e-61, 1e20, 1e300, Number.MAX_VALUE],
      epsAt: ["variance", "std"] as const,
      detachStd: [false, true],
    })) {
      const norm = makeNorm(kernels, name, { size, eps, ...options });
      const { y, mean, rstd } = norm.forward(filled(7), params);
      const what = JSON.stringify({ eps, ...options });
      expect(Array.from(y, Math.abs), what).toEqual(Array.from("bias" in params ? bias : filled(0), Math.abs));
      expect(rstd[0], what).toBe(Math.min(1 / (options.epsAt === "std" ? eps : Math.sqrt(eps)), Number.MAX_VALUE));
      const { dx } = norm.backward(filled(2), filled(7), { mean, rstd });
      const held = name === "detachNorm";
      const want = held ? Math.fround(2 * Math.min(rstd[0] as number, 1e300)) : 0;
      expect(Array.from(dx, Math.abs), what).toEqual(Array.from(filled(want)));
    }
  });
});

describe("adaNorm, constant rows", () => {
  it("have dx of 0 where dy is constant, however large k is and small eps", () => {
    for (const { eps, k, detachScale } of combinations({
      eps: [5e-324, 1e-300, 1e-5],
      k: [1, 1e200, 1e300],
      detachScale: [false, true],
    })) {
      const { dx } = kernels.adaNorm({ size, eps, k, detachScale }).backward(filled(2), filled(7));
      expect(Array.from(dx, Math.abs), `eps ${eps}, k ${k}`).toEqual(Array.from(filled(0)));
    }
  });
});

describe("rmsNorm, rows of zeros", () => {
  it("give exactly 0 (+ bias) for eps > 0 and NaN for eps = 0", () => {
    expect(kernels.rmsNorm({ size }).forward(filled(0), { gain, bias }).y).toEqual(bias);
    expect(kernels.rmsNorm({ size, eps: 0 }).forward(filled(0)).y).toEqual(filled(Number.NaN));
  });
});

describe("l2Norm", () => {
  it("rows of zeros give exactly 0 for eps > 0, with dx = dy / eps, and NaN for eps = 0", () => {
    for (const eps of [1e-12, 1e-30, 0.5]) {
      const norm = kernels.l2Norm({ size, eps });
      const { y, mean, rstd } = norm.forward(filled(0));
      expect(y).toEqual(filled(0));
      expect([mean[0], rstd[0]]).toEqual([0, 1 / eps]);
      const upstream = row(dy, 0);
      const { dx } = norm.backward(upstream, filled(0), { mean, rstd });
      const want = Float64Array.from(upstream, (value) => value / eps);
      expectWithin(
        dx,
        want,
        want.map((value) => ULP * Math.abs(value)),
        `dx, eps ${eps}`,
      );
    }
    const { y, rstd } = kernels.l2Norm({ size, eps: 0 }).forward(filled(0));
    expect([y, rstd[0]]).toEqual([filled(Number.NaN), Number.POSITIVE_INFINITY]);
    expect(kernels.l2Norm({ size, eps: 0 }).backward(filled(1), filled(0)).dx).toEqual(filled(Number.NaN));
  });

  it("a row whose norm is not more than eps is divided by eps, which dx holds constant", () => {
    for (const length of [21, 64, 300]) {
      const batch = normal(3 * length, 1);
      const upstream = normal(3 * length, 2);
      const norms = kernels.rows(length).l2(batch);
      // A little more than the norm of the second row.
      const eps = (norms[1] as number) * (1 + 1e-6);
      const norm = kernels.l2Norm({ size: length, eps });
      const { dx } = norm.backward(upstream, batch);
      const held = kernels.l2Norm({ size: length, eps, detachStd: true }).backward(upstream, batch).dx;
      for (let index = 0; index < 3; index++) {
        const [got, constant] = [dx, held].map((all) => all.slice(index * length, (index + 1) * length));
        if ((norms[index] as number) <= eps) expect(got, `row ${index} of ${length}`).toEqual(constant);
        else expect(got, `row ${index} of ${length}`).not.toEqual(constant);
      }
      const want = reference.backward("l2Norm", upstream, batch, { size: length, eps });
      expectWithin(
        dx,
        want.dx,
        want.dx.map(() => (12 * ULP) / eps),
        `dx of ${length}`,
      );
    }
  });

  it("norms beyond f32 on either side, and their squares, are as exact as others", () => {
    for (const length of [3, 64, 1000]) {
      const whole = normal(2 * length, length).map((value) => Math.round(value * 1000) + 1);
      for (const exponent of [-149, -120, -60, 60, 110]) {
        const batch = whole.map((value) => value * 2 ** exponent);
        const norm = kernels.l2Norm({ size: length, eps: 0 });
        const { y, rstd } = norm.forward(batch);
        const want = reference.forward("l2Norm", batch, { size: length, eps: 0 });
        const what = `${length}, 2^${exponent}`;
        expectWithin(
          y,
          want.y,
          want.y.map((value) => 3 * ULP * Math.abs(value)),
          what,
        );
        expectWithin(
          rstd,
          want.rstd,
          want.rstd.map((value) => 2 * ULP * value),
          what,
        );
      }
    }
    const largest = filled(3.4028234663852886e38, 1000);
    const { y, rstd } = kernels.l2Norm({ size: 1000 }).forward(largest);
    expect(1 / (rstd[0] as number)).toBeGreaterThan(3.5e38);
    for (const value of y) expect(Math.abs(value - 1 / Math.sqrt(1000))).toBeLessThan(1e-8);
  });
});

describe("a row of one element", () => {
  it.each(centred)("%s: 0 for ddof 0, NaN for ddof 1, whose variance is 0 / 0", (name) => {
    const batch = Float32Array.of(3, -1e20, 0);
    expect(Array.from(makeNorm(kernels, name, { size: 1 }).forward(batch).y, Math.abs)).toEqual([0, 0, 0]);
    const { y, mean, rstd } = makeNorm(kernels, name, { size: 1, ddof: 1 }).forward(batch);
    expect(y).toEqual(filled(Number.NaN, 3));
    expect(mean).toEqual(Float64Array.from(batch));
    expect(rstd).toEqual(new Float64Array(3).fill(Number.NaN));
  });
});

describe("any eps", () => {
  it.each(NORMS)("%s: makes no NaN of ordinary, tiny and huge rows", (name) => {
    for (const { eps, magnitude, ...options } of combinations({
      eps: [5e-324, 1e-300, 1e-40, 1, 1e300, Number.MAX_VALUE],
      magnitude: [1e-40, 1, 1e30],
      epsAt: ["variance", "std"] as const,
    })) {
      const norm = makeNorm(kernels, name, { size, eps, ...options });
      const batch = x.map((value) => value * magnitude);
      const { y, ...stats } = norm.forward(batch);
      const { dx } = norm.backward(dy, batch, stats);
      expect([...y, ...dx].some(Number.isNaN), JSON.stringify({ eps, magnitude, ...options })).toBe(false);
    }
  });
});

describe("a product of gain and y beyond f32", () => {
  it("is infinite whatever the bias: rows that fit f32 round it first", () => {
    const two = kernels.layerNorm({ size: 2, eps: 0 });
    const params = { gain: Float32Array.of(3e38, 1), bias: Float32Array.of(3e38, 0) };
    // y is -1 and 1, where nothing overflows; with ddof 1 it would be less.
    expect(Array.from(two.forward(Float32Array.of(0, 2), params).y)).toEqual([0, 1]);
    const four = kernels.layerNorm({ size: 4, eps: 0 });
    const huge = { gain: filled(3e38, 4), bias: filled(-3e38, 4) };
    expect(four.forward(Float32Array.of(0, 0, 0, 1), huge).y[3]).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("minus zero", () => {
  it.each(NORMS)("%s: its sign in y and dx does not depend on how rows are split over calls", (name) => {
    const length = 72;
    const count = 24;
    const batch = normal(length * count, 7).map((value, i) => (i % 5 ? value : -0));
    const upstream = batch.map((_, i) => [-0, -0, 0][Math.floor(i / length) % 3] as number);
    const columns = () => (hasParams(name) ? { out: { dGain: filled(0, length), dBias: filled(0, length) } } : {});
    for (const options of combinations({ detachMean: [false, true], detachStd: [false, true] })) {
      const norm = makeNorm(kernels, name, { size: length, ...options });
      const whole = norm.forward(batch);
      const { dx } = norm.backward(upstream, batch, whole, columns());
      expectSameBytes(norm.backward(upstream, batch, whole).dx, dx, "with dGain and without");
      for (let start = 0; start < count; start += 3) {
        const [from, to] = [start * length, (start + 3) * length];
        const part = batch.subarray(from, to);
        const forward = norm.forward(part);
        expectSameBytes(forward.y, whole.y.slice(from, to), `y from row ${start}`);
        const parts = norm.backward(upstream.subarray(from, to), part, forward, columns());
        expectSameBytes(parts.dx, dx.slice(from, to), `dx from row ${start}, ${JSON.stringify(options)}`);
      }
    }
  });

  it.each(NORMS)("%s: is a zero like the other, with eps or without", (name) => {
    const zeros = filled(0).map((_, i) => (i % 2 ? -0 : 0));
    expect(Array.from(makeNorm(kernels, name, { size }).forward(zeros).y, Math.abs)).toEqual(Array.from(filled(0)));
  });
});

describe("subnormal rows and rows near the largest f32", () => {
  it.each(NORMS)("%s: the same y as the row scaled to ordinary size, with eps = 0", (name) => {
    const norm = makeNorm(kernels, name, { size, eps: 0 });
    const whole = x.map((value) => Math.round(value * 1000));
    const want = norm.forward(whole).y;
    for (const exponent of [-149, -140, 100, 115]) {
      const { y } = norm.forward(whole.map((value) => value * 2 ** exponent));
      expectWithin(
        y,
        want,
        want.map((value) => 6 * ULP * Math.max(1, Math.abs(value))),
        `2^${exponent}`,
      );
    }
  });
});

describe("gradients out of the range of f32", () => {
  it("dx overflows to infinity of its sign, and no further", () => {
    const norm = kernels.layerNormSimple({ size, eps: 0 });
    const tiny = row(x, 0).map((value) => value * 1e-20);
    const { dx } = norm.backward(
      row(dy, 0).map((value) => value * 1e30),
      tiny,
    );
    const exact = kernels.layerNormSimple({ size, eps: 0 }).backward(row(dy, 0), row(x, 0)).dx;
    expect(dx.every((value, i) => value === Math.sign(exact[i] as number) * Number.POSITIVE_INFINITY)).toBe(true);
  });
});

it.each([
  ["below what f32 holds in all of its digits", 1.3 * 2 ** -140, 2 ** 100],
  ["above what f32 holds", 1e39, 1e-20],
])("keep gradients of ordinary size right where adaNorm's scale is %s", (_, scale, upstream) => {
  const size = 200;
  const x = normal(2 * size, 1);
  const dy = normal(2 * size, 2).map((value) => value * upstream);
  const { dx } = loadSync().adaNorm({ size, scale }).backward(dy, x);
  const want = reference.backward("adaNorm", dy, x, { size, scale }).dx;
  const largest = Math.max(...want.map(Math.abs));
  expect(Number.isFinite(largest)).toBe(true);
  for (const [i, value] of want.entries()) expect(Math.abs((dx[i] as number) - value)).toBeLessThan(1e-6 * largest);
});
