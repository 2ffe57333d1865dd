/** groupNorm and instanceNorm: gain and bias by channel, in all storages, in arrays, matrices and prepared calls. */
import { type DType, type HostArray, type InstanceNormOptions, loadSync, type Matrix, type Norm } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, it } from "vitest";
import { combinations, expectSameBytes, expectWithin, normal, normalOf, ULP } from "./support.ts";

const kernels = loadSync();

interface Shape {
  samples: number;
  channels: number;
  groups: number;
  spatial: number;
}

const SHAPES: Shape[] = [
  { samples: 2, channels: 4, groups: 2, spatial: 1 },
  { samples: 3, channels: 200, groups: 2, spatial: 1 },
  { samples: 2, channels: 6, groups: 3, spatial: 3 },
  { samples: 3, channels: 6, groups: 1, spatial: 49 },
  { samples: 2, channels: 5, groups: 5, spatial: 17 },
  { samples: 2, channels: 64, groups: 32, spatial: 64 },
  { samples: 40, channels: 8, groups: 4, spatial: 300 },
  { samples: 1, channels: 2, groups: 1, spatial: 40001 },
  // More rows than a tile of a batch in place; and more channels in a row than there is room for at a time.
  { samples: 700, channels: 16, groups: 8, spatial: 5 },
  { samples: 3, channels: 20000, groups: 2, spatial: 2 },
];

const nameOf = (shape: Shape) => Object.entries(shape).flat().join(" ");
const cases = SHAPES.map((shape) => [nameOf(shape), shape] as const);

function lengthOf({ samples, channels, spatial }: Shape): number {
  return samples * channels * spatial;
}

/** The bounds of docs/numerics.md, by the reference in double precision, for each element of each result. */
function expectExact(
  got: object,
  batches: { x: Float32Array; dy: Float32Array; gain?: Float32Array; bias?: Float32Array },
  shape: Shape,
  options: object = {},
): void {
  const { x, dy, gain, bias } = batches;
  const { channels, groups, spatial } = shape;
  const given = { ...options, channels, groups, spatial, gain, bias };
  const { y, mean, rstd } = reference.forward("groupNorm", x, given);
  const { dx, dGain, dBias } = reference.backward("groupNorm", dy, x, given);
  const size = (channels / groups) * spatial;
  const bounds = {
    y: new Float64Array(x.length),
    dx: new Float64Array(x.length),
    dGain: new Float64Array(channels),
    dBias: new Float64Array(channels),
  };
  for (let row = 0; row < mean.length; row++) {
    let largest = 0;
    for (let at = row * size; at < (row + 1) * size; at++) {
      const channel = Math.floor(at / spatial) % channels;
      const z = ((x[at] as number) - (mean[row] as number)) * (rstd[row] as number);
      const factor = Math.abs(gain?.[channel] ?? 1);
      const upstream = Math.abs(dy[at] as number);
      bounds.y[at] = ULP * (3 * factor * Math.max(1, Math.abs(z)) + factor * Math.abs(z) + Math.abs(y[at] as number));
      largest = Math.max(largest, factor * upstream);
      bounds.dGain[channel] = (bounds.dGain[channel] as number) + 2 * ULP * upstream * Math.max(1, Math.abs(z));
      bounds.dBias[channel] = (bounds.dBias[channel] as number) + ULP * upstream;
    }
    bounds.dx.fill((size > 65536 ? 4 : 3) * ULP * (rstd[row] as number) * largest, row * size, (row + 1) * size);
  }
  const results = got as Record<string, Float32Array>;
  expectWithin(results.y as Float32Array, y, bounds.y, "y");
  expectWithin(results.dx as Float32Array, dx, bounds.dx, "dx");
  if (results.dGain) expectWithin(results.dGain, dGain, bounds.dGain, "dGain");
  if (results.dBias) expectWithin(results.dBias, dBias, bounds.dBias, "dBias");
  expectWithin(
    results.mean as Float32Array,
    mean,
    mean.map((value) => ULP * Math.max(1, Math.abs(value))),
    "mean",
  );
  expectWithin(
    results.rstd as Float32Array,
    rstd,
    rstd.map((value) => 2.5 * ULP * value),
    "rstd",
  );
}

function results(
  norm: Norm,
  { x, dy, gain, bias }: { x: HostArray; dy: HostArray; gain?: HostArray; bias?: HostArray },
) {
  const forward = norm.forward(x, { gain, bias });
  const { dx, dGain, dBias } = norm.backward(dy, x, forward, { gain, bias });
  return { ...forward, dx, dGain: dGain as Float32Array, dBias: dBias as Float32Array };
}

function batchesOf(shape: Shape) {
  const x = normal(lengthOf(shape), 1);
  // Channels far from each other, and a sample far from the origin.
  const sample = shape.channels * shape.spatial;
  for (let i = 0; i < x.length; i++) {
    const channel = Math.floor(i / shape.spatial) % shape.channels;
    x[i] = (x[i] as number) + (channel % 3) + (Math.floor(i / sample) === 1 ? 100 : 0);
  }
  const { channels } = shape;
  return { x, dy: normal(x.length, 2), gain: normal(channels, 3), bias: normal(channels, 4) };
}

describe("groupNorm", () => {
  it.each(cases)("is as exact as promised: %s", (_, shape) => {
    const { samples: _samples, ...options } = shape;
    const norm = kernels.groupNorm(options);
    expect(norm.size).toBe((shape.channels / shape.groups) * shape.spatial);
    const batches = batchesOf(shape);
    expectExact(results(norm, batches), batches, shape);
    const { bias: _bias, ...gainAlone } = batches;
    expectExact(results(norm, gainAlone), gainAlone, shape);
    const { gain: _gain, ...biasAlone } = batches;
    expectExact(results(norm, biasAlone), biasAlone, shape);
    const { bias: _none, ...plain } = biasAlone;
    expectExact(results(norm, plain), plain, shape);
  });

  const shape = { samples: 3, channels: 6, groups: 2, spatial: 35 };
  const { samples: _, ...base } = shape;
  const all = combinations({
    epsAt: ["variance", "std"],
    ddof: [0, 1],
    detachMean: [false, true],
    detachStd: [false, true],
    eps: [0, 1e-5, 10],
  } as const);

  it.each(all)("takes the options of other norms: %o", (options) => {
    const batches = batchesOf(shape);
    expectExact(results(kernels.groupNorm({ ...base, ...options }), batches), batches, shape, options);
  });

  it("is layerNorm over the rows, with gains that are repeated", () => {
    const { x, gain, bias } = batchesOf(shape);
    const size = 3 * 35;
    const repeated = (param: Float32Array) =>
      Float32Array.from({ length: 6 * 35 }, (_, i) => param[Math.floor(i / 35)] as number);
    const both = [...Array(3).keys()];
    const wide = (param: Float32Array) => Float32Array.from(both.flatMap(() => Array.from(repeated(param))));
    const norm = kernels.groupNorm(base);
    const layer = kernels.layerNorm({ size });
    const params = { gain: wide(gain), bias: wide(bias) };
    const { y, mean, rstd } = norm.forward(x, { gain, bias });
    const want = layer.forward(x, params);
    expectSameBytes(y, want.y, "y");
    expectSameBytes(mean, want.mean, "mean");
    expectSameBytes(rstd, want.rstd, "rstd");
    expectSameBytes(norm.forward(x).y, layer.forward(x).y, "y without parameters");
  });

  it("gives NaN for rows that are not finite, 0 for constant ones, and touches no other", () => {
    const { x, dy, gain, bias } = batchesOf(shape);
    const size = 3 * 35;
    const norm = kernels.groupNorm(base);
    const want = results(norm, { x, dy, gain, bias });
    x.fill(Number.NaN, size + 7, size + 8);
    x.fill(0.1, 3 * size, 4 * size);
    const { y, dx, rstd, dGain } = results(norm, { x, dy, gain, bias });
    expect(y.subarray(size, 2 * size).every(Number.isNaN)).toBe(true);
    expect(dx.subarray(size, 2 * size).every(Number.isNaN)).toBe(true);
    expect(rstd[1]).toBeNaN();
    for (let i = 0; i < size; i++) expect(y[3 * size + i]).toBe(bias[3 + Math.floor(i / 35)]);
    expectSameBytes(y.subarray(4 * size) as Float32Array, want.y.subarray(4 * size) as Float32Array, "y");
    expectSameBytes(dx.subarray(4 * size) as Float32Array, want.dx.subarray(4 * size) as Float32Array, "dx");
    // The row is of the second group.
    expect(Array.from(dGain, Number.isNaN)).toEqual([false, false, false, true, true, true]);
  });

  it("holds channels whose sums f32 cannot hold, with both statistics constant", () => {
    const options = { ...base, detachMean: true, detachStd: true };
    const [x, dy] = [normal(630, 1).map((value) => value * 2 ** 14), normal(630, 2).map((value) => value * 2 ** 118)];
    const [gain, bias] = [normal(6, 3), normal(6, 4)];
    const { dGain } = results(kernels.groupNorm(options), { x, dy, gain, bias });
    const exact = reference.backward("groupNorm", dy, x, { ...options, gain, bias }).dGain;
    const bounds = Float64Array.from(exact, () => 105 * 2 ** 98);
    expectWithin(dGain, exact, bounds, "dGain");
  });

  it("adds up gradients, serves dSum and residuals, strides, results in place, and no samples", () => {
    const { x, dy, gain, bias } = batchesOf(shape);
    const norm = kernels.groupNorm(base);
    const want = results(norm, { x, dy, gain, bias });
    const before = normal(6, 8);
    const dGain = before.slice();
    norm.backward(dy, x, undefined, { out: { dGain }, accumulate: true });
    const exact = reference.backward("groupNorm", dy, x, base);
    for (let i = 0; i < 6; i++) expect(dGain[i]).toBeCloseTo((before[i] as number) + (exact.dGain[i] as number), 4);
    const only = norm.backward(dy, x, want, { gain, bias, dx: false });
    expectSameBytes(only.dGain, want.dGain as Float32Array, "dGain without dx");
    const residual = normal(x.length, 9);
    const sum = x.map((value, i) => value + (residual[i] as number));
    expectSameBytes(norm.forward(x, { residual, gain, bias }).y, norm.forward(sum, { gain, bias }).y, "residual");
    const { dx } = norm.backward(dy, x, want, { gain, dSum: residual });
    expectSameBytes(
      dx,
      (want.dx as Float32Array).map((value, i) => value + (residual[i] as number)),
      "dSum",
    );
    const wide = new Float32Array((x.length / 105) * 110).fill(9);
    for (let row = 0; row < x.length / 105; row++) wide.set(x.subarray(row * 105, (row + 1) * 105), row * 110);
    expectSameBytes(norm.forward(wide, { gain, bias, rowStride: { x: 110 } }).y, want.y, "strides");
    const [y, back] = [x.slice(), dy.slice()];
    norm.forward(y, { gain, bias, out: y });
    norm.backward(back, x, want, { gain, bias, out: { dx: back } });
    expectSameBytes(y, want.y, "y in place");
    expectSameBytes(back, want.dx, "dx in place");
    const none = new Float32Array(0);
    expect(results(norm, { x: none, dy: none, gain, bias })).toEqual({
      ...{ y: none, mean: new Float64Array(0), rstd: new Float64Array(0), dx: none },
      ...{ dGain: new Float32Array(6), dBias: new Float32Array(6) },
    });
  });

  it("refuses shapes that do not fit", () => {
    const refused = (options: object, message: string) =>
      expect(() => kernels.groupNorm(options as typeof base)).toThrow(message);
    refused({ ...base, groups: 4 }, "groupNorm: groups: expected a divisor of channels 6, got 4");
    refused({ ...base, channels: 0 }, "groupNorm: channels: expected an integer >= 1, got 0");
    refused({ channels: 6, groups: 2 }, "groupNorm: spatial: expected an integer >= 1, got undefined");
    refused({ ...base, size: 3 }, "groupNorm: options: expected only channels, groups, spatial");
    refused({ ...base, num_groups: 3 }, '"num_groups" (did you mean groups?)');
    expect(() => kernels.instanceNorm(base as InstanceNormOptions)).toThrow(
      "instanceNorm: options: expected only channels, spatial",
    );
    const norm = kernels.groupNorm(base);
    const [x, gain] = [normal(105, 1), normal(6, 1)];
    const expected = "x: expected whole samples of channels x spatial, 6 x 35, which are 2 rows of 105, got 1 rows";
    expect(() => norm.forward(x)).toThrow(expected);
    expect(() => norm.backward(x, x)).toThrow(expected.replace("x:", "dy:"));
    expect(() => norm.forward(x.subarray(1))).toThrow("x: expected a length that is a multiple of size 105, got 104");
    const one = normal(210, 1);
    expect(() => norm.forward(one, { gain: normal(12, 1) })).toThrow("gain: expected 6 elements, got 12");
    expect(() => norm.backward(one, one, undefined, { gain, out: { dBias: one } })).toThrow(
      "out.dBias: expected 6 elements, got 210",
    );
  });
});

describe("instanceNorm", () => {
  it("is groupNorm with a group for each channel", () => {
    const shape = { samples: 3, channels: 5, groups: 5, spatial: 70 };
    const batches = batchesOf(shape);
    const norm = kernels.instanceNorm({ channels: 5, spatial: 70 });
    expect(norm.size).toBe(70);
    expect(results(norm, batches)).toEqual(
      results(kernels.groupNorm({ channels: 5, groups: 5, spatial: 70 }), batches),
    );
    const exact = reference.forward("instanceNorm", batches.x, { ...batches, channels: 5, spatial: 70 });
    expectWithin(
      results(norm, batches).y,
      exact.y,
      exact.y.map(() => 1e-4),
      "y",
    );
  });
});

describe.each(["f32", "f16", "bf16"] as const)("the same bytes in %s", (dtype: DType) => {
  it.each(cases)("in matrices and in prepared calls: %s", (_, shape) => {
    const { samples, ...options } = shape;
    const norm = kernels.groupNorm({ ...options, dtype });
    const { size } = norm;
    const [x, dy] = [1, 2].map((seed) => normalOf(dtype, lengthOf(shape), seed)) as [HostArray, HostArray];
    const params = { gain: normal(shape.channels, 3), bias: normal(shape.channels, 4) };
    const want = results(norm, { x, dy, ...params });
    if (dtype !== "f32") {
      // Results are those of f32, rounded.
      const [wide, wideDy] = [reference.decode(x, dtype), reference.decode(dy, dtype)].map((values) =>
        Float32Array.from(values),
      ) as [Float32Array, Float32Array];
      const single = results(kernels.groupNorm(options), { x: wide, dy: wideDy, ...params });
      expectSameBytes(want.y as Float32Array, reference.encode(single.y, dtype) as Float32Array, "rounded y");
      expectSameBytes(want.dGain as Float32Array, single.dGain as Float32Array, "dGain of f32");
    }
    const made: Matrix[] = [];
    const matrix = (elements: HostArray, cols: number, of: DType): Matrix => {
      made.push(kernels.matrix(elements, cols, of));
      return made.at(-1) as Matrix;
    };
    const [xs, dys] = [matrix(x, size, dtype), matrix(dy, size, dtype)];
    const [gain, bias] = [matrix(params.gain, 1, "f32"), matrix(params.bias, shape.channels, "f32")];
    const forward = norm.forward(xs, { gain, bias });
    const backward = norm.backward(dys, xs, forward, { gain, bias });
    using first = norm.prepareForward(xs, { gain, bias });
    using second = norm.prepareBackward(dys, xs, first, { gain, bias });
    second.run();
    for (const got of [
      { ...forward, ...backward },
      { ...first.run(), ...second.run() },
    ]) {
      for (const name of ["y", "mean", "rstd", "dx", "dGain", "dBias"] as const) {
        const value = got[name] as Matrix | Float32Array;
        const array = ("toArray" in value ? value.toArray() : value) as Float32Array;
        expectSameBytes(array, want[name] as Float32Array, name);
      }
    }
    if (samples > 1) {
      // The first sample alone.
      const { dBias } = second.run(shape.groups);
      const part = (batch: HostArray) => batch.slice(0, shape.channels * shape.spatial) as HostArray;
      const one = results(norm, { x: part(x), dy: part(dy), ...params });
      expectSameBytes(dBias.toArray() as Float32Array, one.dBias as Float32Array, "dBias of one sample");
    }
    made.push(forward.y, backward.dx, backward.dGain, backward.dBias);
    for (const one of made) one.free();
  });
});
