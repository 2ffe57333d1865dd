/** The statistics that forward returns belong to the caller and do not change. */
import { loadSync } from "adanorm";
import { describe, expect, it } from "vitest";
import { expectSameBytes, normal } from "./support.ts";

const size = 70;
const kernels = loadSync();
const norm = kernels.layerNormSimple({ size });

/** Below, at and above the numbers of rows for which arrays share a buffer. */
describe.each([1, 8, 9, 40, 64, 65, 200])("mean and rstd of %i rows", (rows) => {
  const x = normal(rows * size, rows, 3);
  const want = norm.forward(x);

  it("are not touched by later calls, on matrices as on arrays", () => {
    const matrix = kernels.matrix(x, size);
    const other = kernels.matrix(normal(rows * size, 99), size);
    const out = kernels.matrix(rows, size);
    const results = Array.from({ length: 100 }, () => {
      const result = norm.forward(matrix, { out });
      norm.forward(other, { out });
      return result;
    });
    for (const { mean, rstd } of results) {
      expectSameBytes(mean, want.mean);
      expectSameBytes(rstd, want.rstd);
    }
    for (const one of [matrix, other, out]) one.free();
  });

  it("may be given away without harm to later calls", () => {
    const matrix = kernels.matrix(x, size);
    for (let i = 0; i < 3; i++) {
      const { mean, rstd } = norm.forward(matrix);
      expectSameBytes(mean, want.mean);
      const { buffer } = mean;
      structuredClone(buffer, { transfer: [buffer] });
      expect(mean.length).toBe(0);
      // The transfer may have detached the other array too. Backward refuses it then.
      if (rstd.length === 0) {
        expect(() => norm.backward(matrix, matrix, { mean: want.mean, rstd })).toThrow(/stats\.rstd: .*detached/);
      }
    }
    matrix.free();
  });

  it("have buffers of their own where the batch is an array", () => {
    const { mean, rstd } = norm.forward(x);
    expect([mean.buffer.byteLength, rstd.buffer.byteLength]).toEqual([rows * 8, rows * 8]);
  });
});

describe("stats: false", () => {
  const x = normal(3 * size, 4);
  const residual = normal(3 * size, 5);
  const place = (array: Float32Array) => kernels.matrix(array, size);

  it("leaves mean and rstd out, and nothing else", () => {
    const want = norm.forward(x, { residual });
    const arrays = norm.forward(x, { residual, stats: false });
    expect(Object.keys(arrays)).toEqual(["y", "sum"]);
    expect(Object.keys(norm.forward(x, { stats: false }))).toEqual(["y"]);
    expectSameBytes(arrays.y, want.y);
    expectSameBytes(arrays.sum, want.sum);
    const matrices = norm.forward(place(x), { residual: place(residual), stats: false });
    expect(Object.keys(matrices)).toEqual(["y", "sum"]);
    expectSameBytes(matrices.y.toArray() as Float32Array, want.y);
    expect(Object.keys(norm.forward(place(x), { stats: false }))).toEqual(["y"]);
  });

  it("is checked as other options are", () => {
    for (const stats of [null, 0, 1, "false", {}]) {
      const options = { stats } as unknown as { stats: true };
      expect(() => norm.forward(x, options)).toThrow("layerNormSimple.forward: stats: expected true or false, got ");
    }
    expect(Object.keys(norm.forward(x, { stats: true }))).toEqual(["y", "mean", "rstd"]);
  });
});
