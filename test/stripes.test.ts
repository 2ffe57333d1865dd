/** Gradients of gain and bias are summed by stripes of 64 rows, apart from each other, so that threads can each sum other stripes. */
import { loadSync, type Matrix } from "adanorm";
import { encode } from "adanorm/reference";
import { describe, expect, test } from "vitest";
import { expectSameBytes, normal } from "./support.ts";

const [STRIPE, SIZE] = [64, 5];

/**
 * Batches whose columns have other sums by stripes than as a whole: the first stripe sums to 64, the next to 0 by way of 2^60, in
 * which 64 is lost.
 */
function batchOf(rows: number): Float32Array {
  const dy = new Float32Array(rows * SIZE);
  dy.fill(1, 0, STRIPE * SIZE);
  dy.fill(2 ** 60, STRIPE * SIZE, (STRIPE + 1) * SIZE);
  dy.fill(-(2 ** 60), (2 * STRIPE - 1) * SIZE, 2 * STRIPE * SIZE);
  return dy;
}

const rows = 2 * STRIPE + 3;
const [dy, gain, bias] = [batchOf(rows), new Float32Array(SIZE).fill(1), new Float32Array(SIZE)];
// z is 1 and -1, and 0 in the middle; the last two rows are added to no gradient.
const x = Float32Array.from({ length: rows * SIZE }, (_, i) => [-1, 1, 0, 1, -1][i % SIZE] as number);
const stats = { mean: new Float64Array(rows), rstd: new Float64Array(rows).fill(1) };
const wanted = { dGain: Float32Array.of(-64, 64, 0, 64, -64), dBias: new Float32Array(SIZE).fill(64) };

describe("each stripe is summed apart", () => {
  const kernels = loadSync();

  test("for arrays, and matrices, and what is prepared", () => {
    const norm = kernels.layerNorm({ size: SIZE });
    const sums = norm.backward(dy, x, stats, { gain, bias });
    expectSameBytes(sums.dGain, wanted.dGain, "dGain");
    expectSameBytes(sums.dBias, wanted.dBias, "dBias");
    const [dys, xs, gains, biases] = [dy, x, gain, bias].map((one) => kernels.matrix(one, SIZE)) as [
      Matrix<"f32">,
      Matrix<"f32">,
      Matrix<"f32">,
      Matrix<"f32">,
    ];
    const direct = norm.backward(dys, xs, stats, { gain: gains, bias: biases });
    using prepared = norm.prepareBackward(dys, xs, stats, { gain: gains, bias: biases });
    // A second run begins at 0 again.
    prepared.run();
    for (const { dGain, dBias } of [direct, prepared.run()]) {
      expectSameBytes(dGain.data, wanted.dGain, "dGain of matrices");
      expectSameBytes(dBias.data, wanted.dBias, "dBias of matrices");
    }
  });

  test("for bf16", () => {
    const norm = kernels.layerNorm({ size: SIZE, dtype: "bf16" });
    const [dys, xs] = [dy, x].map((one) => encode(one, "bf16") as Uint16Array) as [Uint16Array, Uint16Array];
    expectSameBytes(norm.backward(dys, xs, stats, { gain, bias }).dBias, wanted.dBias, "dBias");
  });

  test("what is added onto is added once, after all of them", () => {
    const norm = kernels.layerNorm({ size: SIZE });
    const out = { dGain: new Float32Array(SIZE).fill(3), dBias: new Float32Array(SIZE).fill(5) };
    norm.backward(dy, x, stats, { gain, bias, out, accumulate: true });
    expectSameBytes(
      out.dGain,
      wanted.dGain.map((sum) => sum + 3),
      "dGain",
    );
    expectSameBytes(
      out.dBias,
      wanted.dBias.map((sum) => sum + 5),
      "dBias",
    );
  });
});

test("sums have room of their own: what lies behind the room of a call stays as it was", () => {
  for (const [size, count] of [
    [64, 65],
    [96, 200],
    [7, 64],
  ] as const) {
    const kernels = loadSync();
    const make = (length: number, seed: number) => kernels.matrix(normal(length, seed), size);
    const [xs, dys, gains] = [make(count * size, 1), make(count * size, 2), make(size, 3)];
    const out = { dx: kernels.matrix(count, size), dGain: kernels.matrix(1, size), dBias: kernels.matrix(1, size) };
    const norm = kernels.layerNorm({ size });
    const call = () => norm.backward(dys, xs, undefined, { gain: gains, bias: gains, out });
    call();
    const behind = Array.from({ length: 20 }, (_, i) => make(size, 4 + i));
    call();
    for (const [i, one] of behind.entries()) expectSameBytes(one.data, normal(size, 4 + i), `matrix ${i}`);
    expect(kernels.memory.used).toBe((3 * count + 3 + 20) * size * 4);
  }
});
