/**
 * Rows a stride apart: slices of wider rows give the bytes that the same rows give when they follow one another, and nothing
 * between them is read or written.
 */
import { type DType, type HostArray, loadSync, type Matrix } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, test } from "vitest";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, normalOf } from "./support.js";

const kernels = loadSync();
const DTYPES: readonly DType[] = ["f32", "f16", "bf16"];
const SHAPES = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 65, 67, 70, 129].map((size) => ({ rows: 5, size })),
  { rows: 407, size: 101 }, // more than a tile holds
];

type Elements = Float32Array | Uint16Array;

/** The value between rows: NaN, which would show in every sum that contains it. */
const GAP: Record<DType, number> = { f32: Number.NaN, f16: 0x7e17, bf16: 0x7fd7 };

/** Rows of `size` at `offset` in wider rows, gaps elsewhere. */
function widen(rows: Elements, size: number, stride: number, offset: number, dtype: DType): Elements {
  const count = rows.length / size;
  const wide =
    rows.slice(0, 0).constructor === Float32Array ? new Float32Array(count * stride) : new Uint16Array(count * stride);
  wide.fill(GAP[dtype]);
  for (let row = 0; row < count; row++) wide.set(rows.subarray(row * size, (row + 1) * size), row * stride + offset);
  return wide;
}

describe.each(DTYPES)("%s", (dtype) => {
  const make = (length: number, seed: number): Elements => normalOf(dtype, length, seed);

  describe.each(["the caller's memory", "linear memory"])("in %s", (where) => {
    /** An array with these elements, and what frees its memory. */
    const place = (values: Elements, made: Matrix[]): (() => Elements) => {
      if (where === "the caller's memory") {
        const copy = values.slice();
        return () => copy;
      }
      const matrix = kernels.matrix(values, values.length, dtype);
      made.push(matrix);
      return () => matrix.data;
    };

    test.each(NORMS)("%s", (name) => {
      for (const { rows, size } of SHAPES) {
        const what = `${name}, ${rows} x ${size}`;
        const made: Matrix[] = [];
        const norm = makeNorm(kernels, name, { size, dtype });
        const params = hasParams(name) ? { gain: normal(size, 5), bias: normal(size, 6) } : {};
        const [x, residual, dy, dSum] = [1, 2, 3, 4].map((seed) => make(rows * size, seed)) as [
          Elements,
          Elements,
          Elements,
          Elements,
        ];
        const want = norm.forward(x as HostArray, { ...params, residual: residual as HostArray });
        const back = norm.backward(dy as HostArray, want.sum, want, { ...params, dSum: dSum as HostArray });

        // Every batch has its own stride and offset, and one batch ends with its last row.
        const [a, b, c, d, e] = [size, size + 1, size + 3, 2 * size + 1, 3 * size];
        const wide = {
          x: place(widen(x, size, a, 0, dtype), made),
          residual: place(widen(residual, size, b, 1, dtype), made),
          sum: place(widen(make(rows * size, 7), size, c, 2, dtype), made),
          out: place(widen(make(rows * size, 8), size, d, size, dtype), made),
          dy: place(widen(dy, size, b, 0, dtype), made),
          dSum: place(widen(dSum, size, c, 3, dtype), made),
          dx: place(widen(make(rows * size, 9), size, e, size, dtype), made),
        };
        const got = norm.forward(wide.x() as HostArray, {
          ...params,
          residual: wide.residual().subarray(1) as HostArray,
          sum: wide.sum().subarray(2) as HostArray,
          out: wide.out().subarray(size) as HostArray,
          rowStride: { x: a, residual: b, sum: c, out: d },
        });
        expectSameBytes(wide.sum(), widen(want.sum as Elements, size, c, 2, dtype), `${what}: sum`);
        expectSameBytes(wide.out(), widen(want.y as Elements, size, d, size, dtype), `${what}: y`);
        expectSameBytes(wide.residual(), widen(residual, size, b, 1, dtype), what);
        expect([got.mean, got.rstd], what).toEqual([want.mean, want.rstd]);

        const gradients = norm.backward(wide.dy() as HostArray, wide.sum().subarray(2) as HostArray, undefined, {
          ...params,
          dSum: wide.dSum().subarray(3) as HostArray,
          out: { dx: wide.dx().subarray(size) as HostArray },
          rowStride: { dy: b, x: c, dSum: c, dx: e },
        });
        expectSameBytes(wide.dx(), widen(back.dx as Elements, size, e, size, dtype), `${what}: dx`);
        expect([gradients.dGain, gradients.dBias], what).toEqual([back.dGain, back.dBias]);
        for (const [batch, values, stride, offset] of [
          [wide.dy(), dy, b, 0],
          [wide.dSum(), dSum, c, 3],
          [wide.sum(), want.sum as Elements, c, 2],
        ] as const) {
          expectSameBytes(batch, widen(values, size, stride, offset, dtype), what);
        }

        // One number for all batches: three slices of the same rows, each normalised in place.
        const stride = 3 * size;
        const fused = place(widen(x, size, stride, size, dtype), made);
        const before = fused();
        for (let row = 0; row < rows; row++) before.set(dy.subarray(row * size, (row + 1) * size), row * stride);
        const alone = norm.forward(x as HostArray, params);
        const [first, second, third] = [0, size, 2 * size].map((offset) => fused().subarray(offset)) as HostArray[];
        norm.forward(second as HostArray, { ...params, rowStride: stride, out: second });
        norm.forward(second as HostArray, { ...params, rowStride: stride, out: third });
        const twice = norm.forward(alone.y, params);
        const expected = widen(alone.y as Elements, size, stride, size, dtype);
        for (let row = 0; row < rows; row++) {
          expected.set(dy.subarray(row * size, (row + 1) * size), row * stride);
          expected.set((twice.y as Elements).subarray(row * size, (row + 1) * size), row * stride + 2 * size);
        }
        expectSameBytes(fused(), expected, `${what}: slices`);
        norm.backward(first as HostArray, second as HostArray, undefined, {
          ...params,
          rowStride: stride,
          out: { dx: first as HostArray },
        });
        const dx = norm.backward(dy as HostArray, alone.y, undefined, params).dx as Elements;
        for (let row = 0; row < rows; row++) expected.set(dx.subarray(row * size, (row + 1) * size), row * stride);
        expectSameBytes(fused(), expected, `${what}: dx over a slice`);
        for (const matrix of made) matrix.free();
      }
    });
  });

  test("a matrix's columns are its stride: the first of each row are taken, the result is as wide as a row", () => {
    const [rows, size, cols] = [6, 10, 16];
    const x = make(rows * size, 1);
    const norm = kernels.adaNorm({ size, dtype });
    using wide = kernels.matrix(widen(x, size, cols, 0, dtype), cols, dtype);
    const { y } = norm.forward(wide as Matrix, { rowStride: cols });
    expect([y.rows, y.cols, y.dtype]).toEqual([rows, size, dtype]);
    const want = norm.forward(x as HostArray).y;
    expect(y.toArray()).toEqual(want);
    norm.forward(wide as Matrix, { rowStride: cols, out: wide });
    expect(wide.data).toEqual(widen(want as Elements, size, cols, 0, dtype));
    y.free();
  });

  test("an array may end with its last row", () => {
    const [size, stride] = [5, 9];
    const norm = kernels.layerNormSimple({ size, dtype });
    const x = make(2 * stride + size, 3);
    const { y } = norm.forward(x as HostArray, { rowStride: stride });
    expect(y.length).toBe(3 * size);
    const longer = reference.encode([...reference.decode(x, dtype), 1, 2, 3, 4], dtype) as HostArray;
    expect(norm.forward(longer, { rowStride: stride }).y).toEqual(y);
  });
});

test("a result may take the place of a single row, whatever their strides", () => {
  const x = normal(8, 1);
  const norm = loadSync().layerNormSimple({ size: 4 });
  const want = norm.forward(x.slice(0, 4)).y;
  expect(norm.forward(x, { rowStride: { x: 8 }, out: x.subarray(0, 4) }).y).toEqual(want);
});

test("the reference takes slices too", () => {
  const [size, rowStride] = [4, 7];
  const [x, residual] = [normal(3 * size, 1), normal(3 * size, 2)];
  const [wide, wider] = [x, residual].map((rows) => widen(rows, size, rowStride, 0, "f32"));
  const slices = { size, rowStride, residual: wider as Float32Array, dSum: wider as Float32Array };
  const plain = { size, residual, dSum: residual };
  expect(reference.forward("adaNorm", wide as Float32Array, slices)).toEqual(reference.forward("adaNorm", x, plain));
  expect(reference.backward("adaNorm", wide as Float32Array, wide as Float32Array, slices)).toEqual(
    reference.backward("adaNorm", x, x, plain),
  );
});
