/** Forward and backward of every norm against the reference, over all combinations of options. */
import { loadSync } from "adanorm";
import type { NormName } from "adanorm/reference";
import * as reference from "adanorm/reference";
import { describe, expect, it } from "vitest";
import {
  backwardBounds,
  combinations,
  expectWithin,
  forwardBounds,
  hasParams,
  makeNorm,
  NORMS,
  normal,
} from "./support.ts";

const kernels = loadSync();
const size = 37;

/**
 * Two rows of every kind that the kernels treat differently: ordinary, off the origin, far off, with an outlier, tiny,
 * huge.
 */
const kinds = [
  normal(size, 1),
  normal(size, 2, 1.6, 0.8),
  normal(size, 3, -4000, 0.5),
  normal(size, 4).map((value, i) => (i === 20 ? 300 : value)),
  normal(size, 5, 0, 1e-20),
  normal(size, 6, 1e15, 1e14),
];
const x = Float32Array.from([...kinds, ...kinds].flatMap((row) => Array.from(row)));
const dy = normal(x.length, 7, 0.3);
const gain = normal(size, 8, 1, 0.5);
const bias = normal(size, 9);

const conventions = combinations({ eps: [0, 1e-5, 0.25], epsAt: ["variance", "std"], ddof: [0, 1] } as const);
const detachments = combinations({ detachMean: [false, true], detachStd: [false, true] });
const phis = combinations({ scale: [1, 2.5], k: [0, 0.1, 0.6] } as const);
const params = [{}, { gain }, { bias }, { gain, bias }];

function label(options: object): string {
  return JSON.stringify(options, (key, value) => (key === "gain" || key === "bias" ? "given" : value));
}

describe.each(NORMS)("%s", (name: NormName) => {
  const extras: object[] = name === "adaNorm" ? phis : [{}];
  const given: { gain?: Float32Array; bias?: Float32Array }[] = hasParams(name) ? params : [{}];

  it("gives the reference's y, mean and rstd", () => {
    for (const convention of conventions) {
      for (const extra of extras) {
        for (const param of given) {
          const options = { size, ...convention, ...extra };
          const got = makeNorm(kernels, name, options).forward(x, param);
          const want = reference.forward(name, x, { ...options, ...param });
          const what = `${label({ ...options, ...param })}`;
          expectWithin(got.y, want.y, forwardBounds(name, x, { ...options, ...param }), `y ${what}`);
          // The mean is exact to a hundredth of the spacing of f32 at the mean or at sigma.
          const meanBounds = want.mean.map(
            (mean, i) => 2 ** -24 * Math.max(Math.abs(mean) / 100, 1 / (want.rstd[i] as number)),
          );
          expectWithin(got.mean, want.mean, meanBounds, `mean ${what}`);
          expectWithin(
            got.rstd,
            want.rstd,
            want.rstd.map((rstd) => 2 ** -22 * rstd),
            `rstd ${what}`,
          );
        }
      }
    }
  });

  it("gives the reference's dx, dGain and dBias", () => {
    const detachedScales = name === "adaNorm" ? [{ detachScale: true }, { detachScale: false }] : [{}];
    for (const convention of conventions) {
      for (const detachment of detachments) {
        for (const extra of extras.flatMap((one) => detachedScales.map((more) => ({ ...one, ...more })))) {
          for (const param of given) {
            const options = { size, ...convention, ...detachment, ...extra };
            const all = { ...options, ...param };
            const norm = makeNorm(kernels, name, options);
            const got = norm.backward(dy, x, norm.forward(x, param), param);
            const want = reference.backward(name, dy, x, all);
            const bounds = backwardBounds(name, dy, x, all);
            const what = label(all);
            expectWithin(got.dx, want.dx, bounds.dx, `dx ${what}`);
            expect([got.dGain !== undefined, got.dBias !== undefined]).toEqual([
              param.gain !== undefined,
              param.bias !== undefined,
            ]);
            if (got.dGain) expectWithin(got.dGain as Float32Array, want.dGain, bounds.dGain, `dGain ${what}`);
            if (got.dBias) expectWithin(got.dBias as Float32Array, want.dBias, bounds.dBias, `dBias ${what}`);
          }
        }
      }
    }
  });

  it("takes its defaults where options are left out", () => {
    const stated = {
      size,
      eps: name === "l2Norm" ? 1e-12 : 1e-5,
      epsAt: "variance",
      ddof: 0,
      detachMean: name === "detachNorm",
      detachStd: name === "detachNorm",
      scale: 1,
      k: 0.1,
      detachScale: true,
    } as const;
    const plain = makeNorm(kernels, name, { size });
    const explicit = makeNorm(kernels, name, stated);
    expect(plain.forward(x)).toEqual(explicit.forward(x));
    expect(plain.backward(dy, x)).toEqual(explicit.backward(dy, x));
  });
});

describe("a row with a std of 2^-20 but for one outlier", () => {
  it.each(NORMS)("%s: gives the reference's y, rstd and dx", (name) => {
    for (const length of [37, 63, 64, 255, 256, 768, 4099]) {
      for (const outlier of [2 ** -16, 2 ** -10, 1, 1000]) {
        const row = normal(length, length, 0, 2 ** -20);
        row[length >> 1] = outlier;
        const options = { size: length, eps: 0 };
        const upstream = normal(length, 7);
        const norm = makeNorm(kernels, name, options);
        const got = norm.forward(row);
        const want = reference.forward(name, row, options);
        const what = `${length} elements, outlier ${outlier}`;
        expectWithin(got.y, want.y, forwardBounds(name, row, options), `y of ${what}`);
        expectWithin(got.rstd, want.rstd, [2 ** -22 * (want.rstd[0] as number)], `rstd of ${what}`);
        const gradient = reference.backward(name, upstream, row, options);
        const { dx } = norm.backward(upstream, row, got);
        expectWithin(dx, gradient.dx, backwardBounds(name, upstream, row, options).dx, `dx of ${what}`);
      }
    }
  });
});

describe("layerNorm and rmsNorm", () => {
  it.each(["layerNorm", "rmsNorm"] as const)(
    "%s gives dGain and dBias without gain and bias, when out asks",
    (name) => {
      const norm = makeNorm(kernels, name, { size });
      const want = norm.backward(dy, x, undefined, { gain: gain.map(() => 1), bias });
      const out = { dGain: new Float32Array(size), dBias: new Float32Array(size) };
      const got = norm.backward(dy, x, undefined, { out });
      expect(got.dGain).toBe(out.dGain);
      expect(got.dBias).toBe(out.dBias);
      expect(got).toEqual(want);
    },
  );
});

describe("a batch without rows", () => {
  it.each(NORMS)("gives empty results and zero gradients: %s", (name) => {
    const norm = makeNorm(kernels, name, { size });
    const none = new Float32Array(0);
    expect(norm.forward(none)).toEqual({ y: none, mean: new Float64Array(0), rstd: new Float64Array(0) });
    const param = hasParams(name) ? { gain, bias } : {};
    const zeros = new Float32Array(size);
    const want = hasParams(name) ? { dx: none, dGain: zeros, dBias: zeros } : { dx: none };
    expect(norm.backward(none, none, undefined, param)).toEqual(want);
  });
});
