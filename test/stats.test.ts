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
