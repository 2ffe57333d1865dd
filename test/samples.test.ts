/**
 * A gain and a bias for each sample: the results are those of a call for each sample, to the byte, whatever the samples, the
 * storage, the kind of batch and the tiles. So the tests of one gain hold for them too.
 */
import { type DType, type HostArray, loadSync, type Matrix, type Norm } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, it } from "vitest";
import { backwardBounds, expectSameBytes, expectWithin, forwardBounds, normal, normalOf } from "./support.ts";

const kernels = loadSync();

interface Shape {
  samples: number;
  rowsPerGain: number;
  size: number;
}

/** Few rows and many, of odd and even number; short rows, long ones, and some that fill no vectors. */
const SHAPES: Shape[] = [
  { samples: 3, rowsPerGain: 1, size: 5 },
  { samples: 7, rowsPerGain: 1, size: 300 },
  { samples: 2, rowsPerGain: 3, size: 24 },
  { samples: 5, rowsPerGain: 7, size: 101 },
  { samples: 3, rowsPerGain: 64, size: 70 },
  // Samples of more than a stripe, and of more than a tile.
  { samples: 4, rowsPerGain: 131, size: 33 },
  { samples: 2, rowsPerGain: 259, size: 260 },
  // Tiles of several samples each, and not all of as many.
  { samples: 50, rowsPerGain: 9, size: 401 },
  // More rows than a tile of a batch in place.
  { samples: 3, rowsPerGain: 1801, size: 8 },
];

const nameOf = ({ samples, rowsPerGain, size }: Shape) => `${samples} x ${rowsPerGain} rows of ${size}`;
const cases = SHAPES.map((shape) => [nameOf(shape), shape] as const);

/** All that forward and backward give, from calls of one gain each. */
function apart(norm: Norm, shape: Shape, batches: Record<"x" | "dy" | "gain" | "bias", HostArray>) {
  const { samples, rowsPerGain, size } = shape;
  const results: Record<string, (HostArray | Float64Array)[]> = {};
  for (let sample = 0; sample < samples; sample++) {
    const part = (batch: HostArray, length: number) => batch.subarray(sample * length, (sample + 1) * length);
    const [x, dy] = [part(batches.x, rowsPerGain * size), part(batches.dy, rowsPerGain * size)];
    const params = { gain: part(batches.gain, size), bias: part(batches.bias, size) };
    const { y, mean, rstd } = norm.forward(x, params);
    const { dx, dGain, dBias } = norm.backward(dy, x, { mean, rstd }, params);
    for (const [name, value] of Object.entries({ y, mean, rstd, dx, dGain, dBias })) {
      results[name] = [...(results[name] ?? []), value];
    }
  }
  return Object.fromEntries(Object.entries(results).map(([name, parts]) => [name, joined(parts)]));
}

function joined(parts: (HostArray | Float64Array)[]): Float32Array {
  const first = parts[0] as Float32Array;
  const whole = new (first.constructor as Float32ArrayConstructor)(parts.length * first.length);
  for (const [i, part] of parts.entries()) whole.set(part, i * first.length);
  return whole;
}

function batchesOf({ samples, rowsPerGain, size }: Shape, dtype: DType) {
  const rows = samples * rowsPerGain;
  const x = normalOf(dtype, rows * size, 1);
  // A row that is not finite, one in double precision and one far from the origin.
  if (dtype === "f32" && rows > 4) {
    const floats = x as Float32Array;
    floats.fill(1e30, size, size + 1);
    floats.set(
      floats.subarray(2 * size, 3 * size).map((value) => value + 100),
      2 * size,
    );
    floats.fill(Number.NaN, 4 * size, 4 * size + 1);
  }
  const param = (seed: number) => normal(samples * size, seed);
  return { x, dy: normalOf(dtype, rows * size, 2), gain: param(3), bias: param(4) };
}

function expectAll(got: object, want: Record<string, Float32Array>, what: string): void {
  for (const [name, value] of Object.entries(got)) {
    const array = "toArray" in value ? value.toArray() : value;
    expectSameBytes(array, want[name] as Float32Array, `${what}: ${name}`);
  }
}

describe.each(["f32", "f16", "bf16"] as const)("%s", (dtype) => {
  it.each(cases)("arrays: %s", (_, shape) => {
    const { x, dy, gain, bias } = batchesOf(shape, dtype);
    for (const name of ["layerNorm", "rmsNorm"] as const) {
      const norm = kernels[name]({ size: shape.size, dtype });
      const want = apart(norm, shape, { x, dy, gain, bias });
      const forward = norm.forward(x, { gain, bias });
      const backward = norm.backward(dy, x, forward, { gain, bias });
      expectAll({ ...forward, ...backward }, want, name);
      expectAll(norm.forward(x, { gain, bias, out: x.slice() as typeof x, stats: false }), want, "without stats");
      expectAll(norm.backward(dy, x, undefined, { gain, bias, dx: false }), want, "without dx");
    }
  });

  it.each(cases)("matrices, and prepared calls: %s", (_, shape) => {
    const { x, dy, gain, bias } = batchesOf(shape, dtype);
    const { size, samples } = shape;
    const norm = kernels.layerNorm({ size, dtype });
    const want = apart(norm, shape, { x, dy, gain, bias });
    const made: Matrix[] = [];
    const matrix = (elements: HostArray, of: DType = dtype): Matrix => {
      made.push(kernels.matrix(elements, size, of));
      return made.at(-1) as Matrix;
    };
    const [xs, dys, gains, biases] = [matrix(x), matrix(dy), matrix(gain, "f32"), matrix(bias, "f32")];
    for (const params of [
      { gain: gains, bias: biases },
      { gain, bias },
    ]) {
      const forward = norm.forward(xs, params);
      const backward = norm.backward(dys, xs, forward, params);
      expectAll({ ...forward, ...backward }, want, "matrices");
      expect([backward.dGain.rows, backward.dBias.cols]).toEqual([samples, size]);
      made.push(forward.y, backward.dx, backward.dGain, backward.dBias);
    }
    using forward = norm.prepareForward(xs, { gain: gains, bias: biases });
    using backward = norm.prepareBackward(dys, xs, forward, { gain: gains, bias: biases });
    for (let run = 0; run < 2; run++) {
      const { y, mean, rstd } = forward.run();
      expectAll({ y, mean, rstd, ...backward.run() }, want, "prepared");
    }
    for (const one of made) one.free();
  });
});

describe("one gain for each sample", () => {
  const shape = { samples: 4, rowsPerGain: 131, size: 37 };
  const { x, dy, gain, bias } = batchesOf(shape, "f32") as Record<"x" | "dy" | "gain" | "bias", Float32Array>;
  const norm = kernels.layerNorm({ size: 37 });
  const want = apart(norm, shape, { x, dy, gain, bias });

  it("is that of the formula", () => {
    const clean = normal(x.length, 9);
    const { y } = norm.forward(clean, { gain, bias });
    const options = { size: 37, gain, bias };
    expectWithin(y, reference.forward("layerNorm", clean, options).y, forwardBounds("layerNorm", clean, options), "y");
    const { dx, dGain, dBias } = norm.backward(dy, clean, undefined, { gain, bias });
    const exact = reference.backward("layerNorm", dy, clean, options);
    const bounds = backwardBounds("layerNorm", dy, clean, options);
    expectWithin(dx, exact.dx, bounds.dx, "dx");
    expectWithin(dGain, exact.dGain, bounds.dGain, "dGain");
    expectWithin(dBias, exact.dBias, bounds.dBias, "dBias");
  });

  it("serves a gain, or a bias, alone", () => {
    const ones = apart(norm, shape, { x, dy, gain: gain.slice().fill(1), bias });
    expect(norm.forward(x, { bias }).y).toEqual(ones.y);
    expectSameBytes(norm.backward(dy, x, undefined, { bias }).dBias, want.dBias as Float32Array, "dBias");
    const { dGain, dx } = norm.backward(dy, x, undefined, { gain });
    expectAll({ dGain, dx }, want, "gain alone");
    expectAll(norm.forward(x, { gain }), apart(norm, shape, { x, dy, gain, bias: bias.slice().fill(0) }), "gain");
  });

  it("serves rows with strides, residuals, and results in the place of x", () => {
    const wide = new Float32Array((x.length / 37) * 40);
    for (let row = 0; row < x.length / 37; row++) wide.set(x.subarray(row * 37, (row + 1) * 37), row * 40);
    const { y } = norm.forward(wide, { gain, bias, rowStride: { x: 40 } });
    expectAll({ y }, want, "strides");
    const residual = normal(x.length, 8);
    const sum = x.map((value, i) => value + (residual[i] as number));
    expectSameBytes(norm.forward(x, { gain, bias, residual }).y, norm.forward(sum, { gain, bias }).y, "residual");
    const inPlace = x.slice();
    norm.forward(inPlace, { gain, bias, out: inPlace });
    expectAll({ y: inPlace }, want, "in place");
    const dInPlace = dy.slice();
    norm.backward(dInPlace, x, undefined, { gain, bias, out: { dx: dInPlace } });
    expectAll({ dx: dInPlace }, want, "dx in place");
  });

  it("adds each sample's gradients to what is there", () => {
    const clean = normal(x.length, 9);
    for (const kind of ["arrays", "matrices"]) {
      const make = (values: Float32Array) => (kind === "arrays" ? values.slice() : kernels.matrix(values, 37));
      const [xs, dys] = [make(clean), make(dy)] as [Float32Array, Float32Array];
      const params = { gain: make(gain), bias: make(bias) };
      const [dGain, dBias] = [normal(gain.length, 6), normal(gain.length, 7)].map(make) as [Float32Array, Float32Array];
      norm.backward(dys, xs, undefined, { ...params, out: { dGain, dBias }, accumulate: true });
      const alone = reference.backward("layerNorm", dy, clean, { size: 37, gain });
      const array = (value: object) => ("toArray" in value ? (value as Matrix).toArray() : value) as Float32Array;
      const off = (got: Float32Array, before: Float32Array, sums: Float64Array) =>
        Math.max(...got.map((value, i) => Math.abs(value - (before[i] as number) - (sums[i] as number))));
      expect(off(array(dGain), normal(gain.length, 6), alone.dGain)).toBeLessThan(1e-5);
      expect(off(array(dBias), normal(gain.length, 7), alone.dBias)).toBeLessThan(1e-5);
    }
  });

  it("adds to what is there where a sample takes several tiles", () => {
    const large = { samples: 2, rowsPerGain: 259, size: 260 };
    const batches = batchesOf(large, "bf16") as Record<"x" | "dy", Uint16Array> & Record<"gain", Float32Array>;
    const norm = kernels.layerNorm({ size: 260, dtype: "bf16" });
    const alone = norm.backward(batches.dy, batches.x, undefined, { gain: batches.gain }).dGain as Float32Array;
    const dGain = normal(520, 6);
    norm.backward(batches.dy, batches.x, undefined, { gain: batches.gain, out: { dGain }, accumulate: true });
    const before = normal(520, 6);
    for (let i = 0; i < 520; i++) expect(dGain[i]).toBeCloseTo((before[i] as number) + (alone[i] as number), 3);
  });

  it("prepared with dSum, and run on a part of the rows, ends in the middle of a sample", () => {
    using xs = kernels.matrix(x, 37);
    using dys = kernels.matrix(dy, 37);
    using gains = kernels.matrix(gain, 37);
    using direct = norm.prepareBackward(dys, xs, undefined, { gain: gains });
    using tiled = norm.prepareBackward(dys, xs, undefined, { gain: gains, dSum: xs });
    for (const rows of [200, 393, 1]) {
      const want = direct.run(rows).dGain.toArray();
      expectSameBytes(tiled.run(rows).dGain.toArray(), want, `${rows} rows`);
    }
  });

  it.each([1, 2])("prepared, reads 16-bit parameters anew in every run: %i samples", (samples) => {
    const half = kernels.layerNorm({ size: 8, dtype: "f16" });
    const [from, later] = [normalOf("f16", 8 * samples, 3), normalOf("f16", 8 * samples, 4)] as [
      Uint16Array,
      Uint16Array,
    ];
    const batch = normalOf("f16", 32, 1) as Uint16Array;
    using xs = kernels.matrix(batch, 8, "f16");
    using gains = kernels.matrix(from, 8, "f16");
    using forward = half.prepareForward(xs, { gain: gains });
    using backward = half.prepareBackward(xs, xs, undefined, { gain: gains });
    for (const gain of [from, later]) {
      (gains.data as Uint16Array).set(gain);
      expectSameBytes(forward.run().y.toArray() as Uint16Array, half.forward(batch, { gain }).y, "y");
      const { dx } = half.backward(batch, batch, undefined, { gain });
      expectSameBytes(backward.run().dx.toArray() as Uint16Array, dx, "dx");
    }
  });

  it.each([0, 1, 131, 200, 393, 524])("prepared, and run on %i of 524 rows", (rows) => {
    using xs = kernels.matrix(x, 37);
    using dys = kernels.matrix(dy, 37);
    using gains = kernels.matrix(gain, 37);
    using prepared = norm.prepareBackward(dys, xs, undefined, { gain: gains });
    prepared.run();
    const { dGain } = prepared.run(rows);
    const got = dGain.toArray();
    for (let sample = 0; sample < 4; sample++) {
      const part = <T extends Float32Array>(batch: T) =>
        batch.subarray(sample * 131 * 37, Math.min(rows, (sample + 1) * 131) * 37);
      const one = gain.subarray(sample * 37, (sample + 1) * 37);
      const isReached = rows > sample * 131;
      const alone = isReached ? norm.backward(part(dy), part(x), undefined, { gain: one }).dGain : new Float32Array(37);
      expectSameBytes(got.subarray(sample * 37, (sample + 1) * 37) as Float32Array, alone, `sample ${sample}`);
    }
    // What is added to stays as it is where no row reaches it.
    using there = kernels.matrix(normal(gain.length, 6), 37);
    const out = { dGain: there };
    using added = norm.prepareBackward(dys, xs, undefined, { gain: gains, out, accumulate: true });
    added.run(rows);
    const reached = Math.ceil(rows / 131) * 37;
    expectSameBytes(there.toArray().subarray(reached), normal(gain.length, 6).subarray(reached), "unreached");
    if (rows > 0) expect(there.toArray()[reached - 1]).not.toBe(normal(gain.length, 6)[reached - 1]);
  });

  it("serves no rows, with any number of gains", () => {
    const none = new Float32Array(0);
    const dGain = new Float32Array(3 * 37).fill(5);
    expect(norm.forward(none, { gain: gain.subarray(0, 3 * 37) }).y.length).toBe(0);
    const result = norm.backward(none, none, undefined, { gain: gain.subarray(0, 3 * 37), out: { dGain } });
    expect(result.dGain).toEqual(new Float32Array(3 * 37));
    const empty = norm.backward(none, none, undefined, { gain: none, bias: none });
    expect([empty.dGain.length, empty.dBias.length]).toEqual([0, 0]);
    using xs = kernels.matrix(0, 37);
    expect(norm.forward(xs, { gain: none, bias: xs }).y.rows).toBe(0);
    const ofMatrices = norm.backward(xs, xs, undefined, {
      gain: gain.subarray(0, 2 * 37),
      bias: bias.subarray(0, 2 * 37),
    });
    expect(ofMatrices.dGain.toArray()).toEqual(new Float32Array(2 * 37));
    expect(ofMatrices.dBias.rows).toBe(2);
  });
});
