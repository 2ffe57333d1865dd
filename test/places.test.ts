/** Batches in matrices, with parameters and their gradients in matrices or in arrays, each by itself: the same bytes. */
import { type Kernels, loadSync, type Matrix } from "adanorm";
import { beforeEach, describe, expect, test } from "vitest";
import { combinations, expectSameBytes, normal } from "./support.ts";

const size = 70;
const rows = 5;
const [x, dy, gain, bias] = [
  normal(rows * size, 1),
  normal(rows * size, 2),
  normal(size, 3, 1),
  normal(size, 4),
] as const;

let kernels: Kernels;

beforeEach(() => {
  kernels = loadSync();
});

const arrayOf = (value: Float32Array | Matrix | undefined) =>
  value && ((value instanceof Float32Array ? value : value.toArray()) as Float32Array);

type Where = "matrix" | "array" | "none";
const WHERE: readonly Where[] = ["matrix", "array", "none"];

const placed = (array: Float32Array, where: Where) =>
  where === "none" ? undefined : where === "array" ? array.slice() : kernels.matrix(array, size);

describe.each(combinations({ gainIn: WHERE, biasIn: WHERE }))(
  "gain in $gainIn, bias in $biasIn",
  ({ gainIn, biasIn }) => {
    const whole = {
      ...(gainIn !== "none" && { gain }),
      ...(biasIn !== "none" && { bias }),
    };
    const params = () => ({ gain: placed(gain, gainIn), bias: placed(bias, biasIn) });

    test("forward, also of a sum and without statistics", () => {
      const norm = kernels.layerNorm({ size });
      const want = norm.forward(x, whole);
      const m = kernels.matrix(x, size);
      expectSameBytes(norm.forward(m, params()).y.toArray() as Float32Array, want.y);
      expectSameBytes(norm.forward(m, { ...params(), stats: false }).y.toArray() as Float32Array, want.y);
      const summed = norm.forward(m, { ...params(), residual: kernels.matrix(dy, size) });
      const wantSummed = norm.forward(x, { ...whole, residual: dy });
      expectSameBytes(summed.y.toArray() as Float32Array, wantSummed.y);
      expectSameBytes(summed.sum.toArray() as Float32Array, wantSummed.sum);
    });

    test("backward, with dGain and dBias in either place, asked for or not", () => {
      const norm = kernels.layerNorm({ size });
      const stats = norm.forward(x);
      const [mx, mdy] = [kernels.matrix(x, size), kernels.matrix(dy, size)];
      for (const { dGainIn, dBiasIn, accumulate } of combinations({
        dGainIn: WHERE,
        dBiasIn: WHERE,
        accumulate: [false, true],
      })) {
        // What is added onto has to be given.
        if (accumulate && ((gainIn !== "none" && dGainIn === "none") || (biasIn !== "none" && dBiasIn === "none")))
          continue;
        const given = (where: (which: Where) => Where) => {
          const [dGain, dBias] = [placed(bias, where(dGainIn)), placed(gain, where(dBiasIn))];
          return { accumulate, out: { ...(dGain && { dGain }), ...(dBias && { dBias }) } };
        };
        const inArrays = (which: Where): Where => (which === "none" ? "none" : "array");
        const want = norm.backward(dy, x, stats, { ...whole, ...given(inArrays) });
        const got = norm.backward(mdy, mx, stats, { ...params(), ...given((which) => which) });
        const what = `dGain in ${dGainIn}, dBias in ${dBiasIn}`;
        expectSameBytes(got.dx.toArray() as Float32Array, want.dx);
        expect(arrayOf(got.dGain), what).toEqual(arrayOf(want.dGain));
        expect(arrayOf(got.dBias), what).toEqual(arrayOf(want.dBias));
      }
    });
  },
);

test("backward on matrices goes by the statistics that it is given", () => {
  const norm = kernels.layerNorm({ size });
  const stats = { mean: new Float64Array(rows).fill(0.25), rstd: new Float64Array(rows).fill(0.5) };
  const want = norm.backward(dy, x, stats).dx;
  const got = norm.backward(kernels.matrix(dy, size), kernels.matrix(x, size), stats).dx;
  expectSameBytes(got.toArray() as Float32Array, want);
  expect(want).not.toEqual(norm.backward(dy, x).dx);
});

test("a result that begins where the last of the statistics lies is refused", () => {
  const norm = kernels.layerNorm({ size });
  const buffer = new ArrayBuffer(rows * 8 + rows * size * 4);
  const stats = { mean: new Float64Array(buffer, 0, rows), rstd: new Float64Array(rows).fill(1) };
  const dx = new Float32Array(buffer, rows * 8 - 4, rows * size);
  const message = "layerNorm.backward: out.dx: expected memory apart from stats.mean";
  expect(() => norm.backward(dy, x, stats, { out: { dx } })).toThrow(message);
  norm.backward(dy, x, stats, { out: { dx: new Float32Array(buffer, rows * 8, rows * size) } });
});

test.each([4095, 4096, 4097, 9000])(
  "%i rows in matrices have room for their statistics, and nothing else is touched",
  (many) => {
    const norm = kernels.rmsNorm({ size: 3 });
    const source = normal(many * 3, 7);
    const [m, out, gains] = [kernels.matrix(source, 3), kernels.matrix(many, 3), kernels.matrix(normal(3, 1), 3)];
    // Free memory of a known size, which the allocator gives the scratch area; beyond it another matrix begins.
    const guards = Array.from({ length: 6 }, (_, i) => kernels.matrix(new Float32Array(40).fill(i + 0.5), 40));
    for (const index of [1, 3]) guards[index]?.free();
    const result = norm.forward(m, { gain: gains, out });
    const want = norm.forward(source, { gain: gains.toArray() as Float32Array });
    expectSameBytes(out.toArray() as Float32Array, want.y);
    expectSameBytes(result.rstd, want.rstd);
    const back = norm.backward(m, m, result, { gain: gains, bias: gains });
    const wantBack = norm.backward(source, source, want, { gain: gains.toArray() as Float32Array, bias: normal(3, 1) });
    expectSameBytes(back.dx.toArray() as Float32Array, wantBack.dx);
    expect(arrayOf(back.dGain)).toEqual(arrayOf(wantBack.dGain));
    expect(arrayOf(back.dBias)).toEqual(arrayOf(wantBack.dBias));
    for (const index of [0, 2, 4, 5]) expect(guards[index]?.toArray()).toEqual(new Float32Array(40).fill(index + 0.5));
    // The allocator is as sound as before.
    for (let i = 0; i < 20; i++) expect(kernels.matrix(3, 7).data.every((value) => value === 0)).toBe(true);
  },
);

describe("each batch and parameter in an array or in a view of the linear memory, by itself: the same bytes", () => {
  const norm = loadSync().layerNorm({ size });
  const PLACES = ["array", "view"] as const;
  // A view lives as long as its matrix.
  let held: Matrix[];
  beforeEach(() => {
    held = [];
  });

  const lay = (array: Float32Array, where: (typeof PLACES)[number]): Float32Array => {
    if (where === "array") return array.slice();
    const matrix = kernels.matrix(array, 1);
    held.push(matrix);
    return matrix.data;
  };

  test("forward", () => {
    const want = norm.forward(x, { gain, bias });
    const wantSummed = norm.forward(x, { gain, bias, residual: dy });
    for (const where of combinations({
      x: PLACES,
      out: PLACES,
      gain: PLACES,
      bias: PLACES,
      residual: PLACES,
      sum: PLACES,
    })) {
      const what = JSON.stringify(where);
      const own = kernels.layerNorm({ size });
      const params = { gain: lay(gain, where.gain), bias: lay(bias, where.bias) };
      const given = { ...params, out: lay(dy, where.out) };
      expectSameBytes(own.forward(lay(x, where.x), given).y, want.y, what);
      const more = { residual: lay(dy, where.residual), sum: lay(dy, where.sum) };
      const summed = own.forward(lay(x, where.x), { ...given, ...more });
      expectSameBytes(summed.y, wantSummed.y, what);
      expectSameBytes(summed.sum, wantSummed.sum, what);
      for (const matrix of held.splice(0)) matrix.free();
    }
  });

  test("backward", () => {
    const stats = norm.forward(x);
    const want = norm.backward(dy, x, stats, { out: { dGain: gain.slice(), dBias: gain.slice() } });
    const wantGained = norm.backward(dy, x, stats, { gain });
    for (const where of combinations({
      dy: PLACES,
      x: PLACES,
      dx: PLACES,
      gain: PLACES,
      dGain: PLACES,
      dBias: PLACES,
    })) {
      const what = JSON.stringify(where);
      const own = kernels.layerNorm({ size });
      const out = { dx: lay(dy, where.dx), dGain: lay(bias, where.dGain), dBias: lay(bias, where.dBias) };
      const batches = [lay(dy, where.dy), lay(x, where.x)] as const;
      const got = own.backward(...batches, stats, { out });
      for (const name of ["dx", "dGain", "dBias"] as const) {
        expectSameBytes(got[name] as Float32Array, want[name] as Float32Array, `${name}, ${what}`);
      }
      const gained = own.backward(...batches, stats, {
        gain: lay(gain, where.gain),
        out: { dx: out.dx, dGain: out.dGain },
      });
      expectSameBytes(gained.dx, wantGained.dx, what);
      expectSameBytes(gained.dGain as Float32Array, wantGained.dGain as Float32Array, what);
      expectSameBytes(own.backward(...batches, stats, { out: { dx: out.dx } }).dx, want.dx, what);
      for (const matrix of held.splice(0)) matrix.free();
    }
  });
});

test.each(["dGain", "dBias"] as const)(
  "backward on matrices that is asked for %s alone changes nothing at address 0, where the allocator's own data is",
  (name) => {
    const norm = kernels.layerNorm({ size });
    const [first, other, dx, sums] = [x, dy, dy, gain].map((array) => kernels.matrix(array, size)) as [
      Matrix<"f32">,
      Matrix,
      Matrix,
      Matrix,
    ];
    const stats = norm.forward(x);
    // The first call takes a scratch area.
    norm.backward<Matrix>(other, first, stats, { out: { dx, dGain: sums, dBias: kernels.matrix(1, size) } });
    const start = () => new Uint8Array(first.data.buffer, 0, first.data.byteOffset).slice();
    const before = start();
    norm.backward<Matrix>(other, first, stats, { out: { dx, [name]: sums } });
    expect(start()).toEqual(before);
    expect(start().some((byte) => byte !== 0)).toBe(true);
  },
);

test("however many rows there are in matrices, their statistics pass through a small area", () => {
  const many = 2 ** 18;
  // Half of what the statistics of all rows take.
  const crowded = loadSync({ maximumBytes: 4 * many * 2 + 8 * many });
  const norm = crowded.rmsNorm({ size: 1 });
  const [m, out] = [crowded.matrix(many, 1), crowded.matrix(many, 1)];
  norm.forward<Matrix>(m, { out });
  norm.backward<Matrix>(m, m, undefined, { out: { dx: out } });
});
