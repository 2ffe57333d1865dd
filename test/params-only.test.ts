/** Backward without dx: the gradients of gain and bias are those of a backward with dx, and nothing else is made or written. */
import { type DType, loadSync, type Matrix } from "adanorm";
import { describe, expect, test } from "vitest";
import { expectSameBytes, normal, normalOf } from "./support.js";

const kernels = loadSync();

describe.each(["f32", "f16", "bf16"] as const)("%s", (dtype: DType) => {
  test.each([
    [5, 7],
    [12, 100],
    [407, 101],
  ])("%i rows of %i: the bytes of dGain and dBias, of arrays and of matrices", (rows, size) => {
    const [x, dy] = [1, 2].map((seed) => normalOf(dtype, rows * size, seed)) as [Float32Array, Float32Array];
    const params = { gain: normal(size, 3), bias: normal(size, 4) };
    const norm = kernels.layerNorm({ size, dtype });
    const want = norm.backward(dy, x, undefined, params);
    const copies = [x.slice(), dy.slice()];
    const got = norm.backward(dy, x, norm.forward(x), { ...params, dx: false });
    expect(Object.keys(got)).toEqual(["dGain", "dBias"]);
    expectSameBytes(got.dGain, want.dGain, "dGain");
    expectSameBytes(got.dBias, want.dBias, "dBias");
    expect([x, dy]).toEqual(copies);

    const [xs, dys] = [x, dy].map((batch) => kernels.matrix(batch, size, dtype)) as [Matrix, Matrix];
    const { used } = kernels.memory;
    const sums = norm.backward(dys, xs, undefined, { ...params, dx: false });
    expect(kernels.memory.used - used).toBe(2 * size * 4);
    expectSameBytes(sums.dGain.data, want.dGain, "dGain of matrices");
    expectSameBytes(sums.dBias.data, want.dBias, "dBias of matrices");
    using gain = kernels.matrix(params.gain, size);
    using prepared = norm.prepareBackward(dys, xs, undefined, { gain, dx: false });
    expectSameBytes(prepared.run().dGain.data, want.dGain, "dGain of a prepared call");
    expect(Object.keys(prepared.result)).toEqual(["dGain"]);
    expect([xs.toArray(), dys.toArray()]).toEqual([x, dy]);
    for (const matrix of [xs, dys, sums.dGain, sums.dBias]) matrix.free();
  });
});

test("gradients are added onto what is there, without a dx too", () => {
  const norm = kernels.rmsNorm({ size: 8 });
  const [x, dy] = [normal(40, 1), normal(40, 2)];
  const dGain = new Float32Array(8).fill(1);
  const want = norm.backward(dy, x, undefined, { out: { dGain: dGain.slice() }, accumulate: true }).dGain;
  norm.backward(dy, x, undefined, { out: { dGain }, accumulate: true, dx: false });
  expectSameBytes(dGain, want);
});

test("what is contradictory, or leaves nothing to compute, is refused", () => {
  const norm = kernels.layerNorm({ size: 4 });
  const [x, gain] = [normal(8, 1), normal(4, 2)];
  const backward = (options: object) => () => norm.backward(x, x, undefined, options);
  expect(backward({ dx: false })).toThrow(
    "layerNorm.backward: dx: expected true, or a gain or bias to compute a gradient of, got false",
  );
  expect(backward({ gain, dx: false, out: { dx: x } })).toThrow("out.dx: expected none, as dx is false");
  expect(backward({ gain, dx: false, dSum: x })).toThrow("dSum: expected none, as dx is false");
  expect(backward({ gain, dx: 0 })).toThrow("dx: expected true or false, got 0");
});
