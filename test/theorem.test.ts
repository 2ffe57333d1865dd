/**
 * What the paper proves of the gradients and of phi, checked on the results of the kernels.
 *
 * Source: Xu et al., "Understanding and Improving Layer Normalization", NeurIPS 2019, theorems 1 and 2.
 */
import { loadSync } from "adanorm";
import { describe, expect, it } from "vitest";
import { combinations, normal, random } from "./support.ts";

const kernels = loadSync();
const size = 500;
const rows = 40;
const x = normal(rows * size, 1, 0.7, 3).map((value, i) => value * (1 + (i % 11)));
/** Each row has its own mean, and is correlated with x, so that both projections subtract something. */
const dz = normal(rows * size, 2).map((value, i) => value + 0.2 * (x[i] as number) + Math.floor(i / size) / 10);

function moments(row: ArrayLike<number>): { mean: number; variance: number } {
  const values = Array.from(row);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
}

function rowsOf(batch: Float32Array): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => batch.subarray(row * size, (row + 1) * size));
}

describe("mean and variance of dx, for dz = dL/dz", () => {
  it.each(combinations({ detachMean: [false, true], detachStd: [false, true] }))("%o", (detached) => {
    const norm = kernels.layerNormSimple({ size, eps: 0, ...detached });
    const { rstd } = norm.forward(x);
    const { dx } = norm.backward(dz, x);
    rowsOf(dx).forEach((row, index) => {
      const r = rstd[index] as number;
      const of = moments(rowsOf(dz)[index] as Float32Array);
      const got = moments(row);
      const largest = Math.sqrt(of.variance) * r;
      expect(Math.abs(got.mean - (detached.detachMean ? of.mean * r : 0)) / largest).toBeLessThan(1e-6);
      const ratio = got.variance / (of.variance * r * r);
      if (detached.detachStd) expect(Math.abs(ratio - 1)).toBeLessThan(1e-5);
      // Here dz is correlated with x. Only with the std held constant would the variance stay the same.
      else expect(ratio).toBeLessThan(0.999);
    });
  });

  it("detachNorm gives the gradient scaled by 1 / sigma and nothing else", () => {
    const norm = kernels.detachNorm({ size });
    const { rstd } = norm.forward(x);
    const { dx } = norm.backward(dz, x);
    const want = dz.map((value, i) => value * Math.fround(rstd[Math.floor(i / size)] as number));
    expect(dx).toEqual(want);
  });
});

describe("phi(z) = C (1 - k z)", () => {
  const next = random(3);
  /** Heavy tails, so that some z are beyond 1/k. */
  const heavy = Float32Array.from({ length: rows * size }, () => Math.tan(Math.PI * (next() - 0.5)));

  it.each(combinations({ scale: [1, 2], k: [0.1, 0.3], eps: [0, 0.5] } as const))("%o", ({ scale, k, eps }) => {
    const zs = rowsOf(kernels.layerNormSimple({ size, eps }).forward(heavy).y);
    const ys = rowsOf(kernels.adaNorm({ size, eps, scale, k }).forward(heavy).y);
    const { variance } = kernels.rows(size).moments(heavy);
    let beyond = 0;
    ys.forEach((y, index) => {
      const z = zs[index] as Float32Array;
      // A phi for each z: y / z, taken from the formula where z is too small to divide by.
      const phi = Array.from(z, (value, i) =>
        Math.abs(value) > 1e-3 ? (y[i] as number) / value : scale * (1 - k * value),
      );
      expect(Math.abs(moments(phi).mean / scale - 1), "its mean over a row is C").toBeLessThan(1e-5);

      const v = variance[index] as number;
      const bound = 1e-6 * scale * (1 + k);
      expect(Math.abs(moments(y).mean + (scale * k * v) / (v + eps)), "mean(y) = -C k V / (V + eps)").toBeLessThan(
        bound,
      );

      const negative = phi.filter((value) => value <= 0).length;
      expect(negative, "phi > 0 unless z > 1/k").toBe(Array.from(z).filter((value) => value >= 1 / k).length);
      expect(negative / size, "which holds for a share of 1 - k^2 or more").toBeLessThanOrEqual(k * k);
      beyond += negative;
    });
    expect(beyond, "some z of this batch are beyond 1/k").toBeGreaterThan(0);
  });
});
