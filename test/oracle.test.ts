/** The reference itself: its gradients against finite differences of its forward, in double precision. */

import { backward, forward, type NormName, type ReferenceOptions } from "adanorm/reference";
import { describe, expect, it } from "vitest";
import { combinations, NORMS, normal, random } from "./support.ts";

const size = 6;
const rows = 3;
const x = Float64Array.from(normal(rows * size, 1, 0.5, 2));
const u = Float64Array.from(normal(rows * size, 2));
const gain = Float64Array.from(normal(size, 3, 1, 0.5));
const bias = Float64Array.from(normal(size, 4));

const conventions = combinations({ eps: [0, 1e-5, 0.3], epsAt: ["variance", "std"], ddof: [0, 1] } as const);
const params = [{}, { gain }, { bias }, { gain, bias }];
const phis = combinations({ scale: [1, 2.5], k: [0, 0.1, 0.7] } as const);

function variants(name: NormName): ReferenceOptions[] {
  const extra = name === "adaNorm" ? phis : name === "layerNorm" || name === "rmsNorm" ? params : [{}];
  return conventions.flatMap((one) => extra.map((more) => ({ size, ...one, ...more })));
}

/** The derivative of L(v) at v, by central differences. */
function differences(loss: (v: Float64Array) => number, v: Float64Array): Float64Array {
  return v.map((_, i) => {
    const h = 1e-5;
    const up = v.slice();
    const down = v.slice();
    up[i] = (up[i] as number) + h;
    down[i] = (down[i] as number) - h;
    return (loss(up) - loss(down)) / (2 * h);
  });
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

/** Central differences at h = 1e-5 are good to about h^2, and to 1e-16 / h by rounding. */
function expectClose(got: Float64Array, want: Float64Array, what: string): void {
  got.forEach((value, i) => {
    expect(Math.abs(value - (want[i] as number)), `${what}[${i}] ${value} ${want[i]}`).toBeLessThan(
      2e-8 * scaleOf(want),
    );
  });
}

const scaleOf = (values: Float64Array) => Math.max(1, ...values.map(Math.abs));

describe.each(NORMS.filter((name) => name !== "detachNorm"))("%s, nothing held constant", (name) => {
  it("has the gradients that finite differences give", () => {
    for (const variant of variants(name)) {
      const options = { ...variant, detachScale: false };
      const { dx, dGain, dBias } = backward(name, u, x, options);
      const what = JSON.stringify(options);
      expectClose(
        dx,
        differences((v) => dot(forward(name, v, options).y, u), x),
        `dx ${what}`,
      );
      if (options.gain) {
        const loss = (v: Float64Array) => dot(forward(name, x, { ...options, gain: v }).y, u);
        expectClose(dGain, differences(loss, gain), `dGain ${what}`);
      }
      if (options.bias) {
        const loss = (v: Float64Array) => dot(forward(name, x, { ...options, bias: v }).y, u);
        expectClose(dBias, differences(loss, bias), `dBias ${what}`);
      }
    }
  });
});

/** forward at v, with what is detached frozen at what it is at x. Written apart from the reference, row by row. */
function frozen(name: NormName, v: Float64Array, options: ReferenceOptions): Float64Array {
  const at = forward(name, x, options);
  const now = forward(name, v, options);
  const { detachMean = name === "detachNorm", detachStd = name === "detachNorm", detachScale = true } = options;
  const { scale = 1, k = 0.1 } = options;
  return v.map((value, i) => {
    const row = Math.floor(i / size);
    const mean = (detachMean ? at : now).mean[row] as number;
    const rstd = (detachStd ? at : now).rstd[row] as number;
    const y = (value - mean) * rstd;
    const y0 = ((x[i] as number) - (at.mean[row] as number)) * (at.rstd[row] as number);
    if (name === "adaNorm") return scale * (1 - k * (detachScale ? y0 : y)) * y;
    const isAffine = name === "layerNorm" || name === "rmsNorm";
    return isAffine ? (options.gain?.[i % size] ?? 1) * y + (options.bias?.[i % size] ?? 0) : y;
  });
}

describe.each(NORMS)("%s, with quantities held constant", (name) => {
  it("has the gradients of the function in which they are frozen", () => {
    const detachments = combinations({
      detachMean: [false, true],
      detachStd: [false, true],
      detachScale: [false, true],
    });
    for (const variant of variants(name)) {
      for (const detachment of detachments) {
        const options = { ...variant, ...detachment };
        const { dx } = backward(name, u, x, options);
        const loss = (v: Float64Array) => dot(frozen(name, v, options), u);
        expectClose(dx, differences(loss, x), `dx ${JSON.stringify(options)}`);
      }
    }
  });

  it("holds constant by default what the norm says", () => {
    const isHeld = name === "detachNorm";
    const stated = { size, detachMean: isHeld, detachStd: isHeld, detachScale: true };
    expect(backward(name, u, x, { size }).dx).toEqual(backward(name, u, x, stated).dx);
  });
});

describe("l2Norm, a row whose norm is less than eps", () => {
  it("has the gradients that finite differences give, and those of the frozen norm", () => {
    const options = { size, eps: 1000 };
    const { dx } = backward("l2Norm", u, x, options);
    const loss = (v: Float64Array) => dot(forward("l2Norm", v, options).y, u);
    expect(dx.every((value, i) => Math.abs(value - (u[i] as number) / 1000) < 1e-15)).toBe(true);
    expectClose(dx, differences(loss, x), "dx");
    expect(dx).toEqual(backward("l2Norm", u, x, { ...options, detachStd: true }).dx);
  });
});

describe("a row far from the origin", () => {
  it("has the mean to the last digit, and y as exact as that allows", () => {
    const [size, offset] = [10_000, 1e8];
    const next = random(1);
    const row = Float64Array.from({ length: size }, () => offset + next());
    const { mean, y } = forward("layerNormSimple", row, { size });
    const near = forward(
      "layerNormSimple",
      row.map((value) => value - offset),
      { size },
    );
    expect(Math.abs((mean[0] as number) - offset - (near.mean[0] as number))).toBeLessThan(2 ** -26);
    for (let i = 0; i < size; i++) expect(Math.abs((y[i] as number) - (near.y[i] as number))).toBeLessThan(2 ** -24);
  });
});

describe.each(["layerNormSimple", "detachNorm", "adaNorm"] as const)("%s", (name) => {
  it("has no gain and no bias", () => {
    expect(forward(name, x, { size, gain, bias })).toEqual(forward(name, x, { size }));
    expect(backward(name, u, x, { size, gain, bias })).toEqual(backward(name, u, x, { size }));
  });
});

describe("a constant row", () => {
  it("has an infinite rstd where eps is 0, and the largest number where the reciprocal is beyond it", () => {
    for (const [eps, rstd] of [
      [0, Number.POSITIVE_INFINITY],
      [5e-324, Number.MAX_VALUE],
      [0.25, 4],
    ] as const) {
      const found = forward("layerNormSimple", [5, 5, 5], { size: 3, eps, epsAt: "std" });
      expect(Array.from(found.rstd)).toEqual([rstd]);
    }
  });

  it("has gradient (e - mean(e)) / eps with eps added to the std, whose derivative is taken as 0 there", () => {
    const { dx } = backward("layerNormSimple", [1, 2, 6], [5, 5, 5], { size: 3, eps: 0.5, epsAt: "std" });
    expect(Array.from(dx)).toEqual([-4, -2, 6]);
  });
});
