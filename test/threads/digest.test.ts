/** The same bytes for any number of threads, however these are held up. */
import { readFileSync } from "node:fs";
import { type DType, type Kernels, loadSync, type Matrix } from "adanorm";
import { describe, expect, it } from "vitest";
import { type Digests, digest } from "../digest.ts";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, normalOf } from "../support.ts";
import { loadThreads, shareAll, workerAfter } from "./support.ts";

const committed = JSON.parse(readFileSync(new URL("../digest.json", import.meta.url), "utf8")) as Digests;

/** Holds a thread up now and then, before it enters, takes a block, or says that it has done one. */
const DELAYS = `
  for (const name of ["add", "sub", "store", "compareExchange"]) {
    const original = Atomics[name];
    Atomics[name] = (...values) => {
      const wait = Math.random() < 0.02 ? Math.random() * 3 : Math.random() < 0.2 ? Math.random() * 0.05 : 0;
      for (const end = performance.now() + wait; performance.now() < end; );
      return original(...values);
    };
  }`;

const alone = loadSync();

describe("the digest of all results", () => {
  it.each([2, 3, 5, 8])("is the committed one for matrices and %i threads", async (threads) => {
    const kernels = await loadThreads(threads);
    shareAll();
    expect(await digest(kernels, "matrices")).toEqual(committed);
  });

  it.each(["arrays", "strided arrays", "strided matrices"] as const)("is the committed one for %s", async (route) => {
    const kernels = await loadThreads(3);
    shareAll();
    expect(await digest(kernels, route)).toEqual(committed);
  });

  it("is the committed one where threads are held up at random", async () => {
    const kernels = await loadThreads(3, { createWorker: () => workerAfter(DELAYS) });
    shareAll();
    expect(await digest(kernels, "matrices")).toEqual(committed);
  });
});

type Numbers = Float32Array | Float64Array | Uint16Array | Uint8Array;

/** Everything that a norm gives for batches of these rows, with some rows that take slower paths. */
function resultsOf(kernels: Kernels, dtype: DType, rows: number, size: number): Record<string, Numbers> {
  const made: Matrix[] = [];
  const matrix = (seed: number, of: DType = dtype, length = rows * size, cols = size): Matrix => {
    const values = normalOf(of, length, seed) as Float32Array;
    const one = kernels.matrix(values, cols, of);
    made.push(one);
    return one;
  };
  const results: Record<string, Numbers> = {};
  for (const name of NORMS) {
    const norm = makeNorm(kernels, name, { size, dtype });
    const params = hasParams(name) ? { gain: matrix(11, "f32", size), bias: matrix(12, "f32", size) } : {};
    const [x, dy, residual] = [matrix(1), matrix(2), matrix(3)];
    const keep = (what: string, value: Matrix | Numbers | undefined) => {
      if (value !== undefined) results[`${name} ${what}`] = "toArray" in value ? value.toArray() : value.slice();
    };
    if (dtype === "f32")
      (x.data as Float32Array).fill(Number.NaN, 5 * size, 5 * size + 1).fill(1e30, 9 * size, 9 * size + 1);
    const { y, mean, rstd } = norm.forward(x, params);
    keep("y", y);
    keep("mean", mean);
    keep("rstd", rstd);
    const { dx, dGain, dBias } = norm.backward(dy, x, { mean, rstd }, params);
    keep("dx", dx);
    keep("dGain", dGain);
    keep("dBias", dBias);
    if (dGain && dBias) {
      const out = { dx: matrix(4), dGain, dBias };
      norm.backward(dy, x, undefined, { ...params, out, accumulate: true });
      keep("dGain, added", dGain);
    }
    const { sum, y: ySum } = norm.forward(x, { ...params, residual }) as { sum: Matrix; y: Matrix };
    keep("sum", sum);
    keep("y of sum", ySum);
    const prepared = norm.prepareForward(x, params);
    const back = norm.prepareBackward(dy, x, prepared, params);
    keep("prepared y", prepared.run().y);
    keep("prepared dx", back.run().dx);
    keep("prepared dGain", back.result.dGain);
    // Over the inputs, at the end.
    const over = norm.backward(dy, x, { mean, rstd }, { ...params, out: { dx: dy } });
    keep("dx over dy", dy);
    norm.forward(x, { ...params, residual, sum: residual, out: x });
    keep("sum over residual", residual);
    keep("y over x", x);
    for (const one of [y, dx, dGain, dBias, over.dGain, over.dBias, sum, ySum, prepared.result.y, back.result.dx]) {
      if (one && "free" in one) one.free();
    }
    for (const one of [prepared, back]) one.free();
  }
  const rowsOf = kernels.rows(size, { dtype });
  const x = matrix(1);
  for (const name of ["sum", "mean", "variance", "l1", "sumSquare", "min", "max"] as const) {
    results[`rows.${name}`] = rowsOf[name](x);
  }
  const { values, scale } = rowsOf.int8(x);
  Object.assign(results, { values: new Uint8Array(values.buffer), scale, bits: rowsOf.bits(x) });
  results["values of one scale"] = new Uint8Array(rowsOf.int8(x, { scale: 1 / 127 }).values.buffer);
  results.widened = x.toFloat32();
  results.narrowed = matrix(1, "f32").toArray();
  for (const one of made) one.free();
  return results;
}

describe("large batches", () => {
  // The rows of one stripe of columns and of some, with a part of one at the end; sizes that fill vectors and do not.
  it.each([
    ["f32", 63, 40],
    ["f32", 700, 67],
    ["f32", 5000, 24],
    ["f32", 200, 1031],
    ["f16", 700, 67],
    // Its second tile begins in the middle of a stripe, and ends in the second one after.
    ["f16", 618, 67],
    ["bf16", 300, 128],
  ] as const)("%s, %i x %i", async (dtype, rows, size) => {
    const wanted = resultsOf(alone, dtype, rows, size);
    for (const threads of [2, 3, 5, 8]) {
      const kernels = await loadThreads(threads);
      for (const share of [() => {}, shareAll]) {
        share();
        const got = resultsOf(kernels, dtype, rows, size);
        for (const [what, values] of Object.entries(wanted))
          expectSameBytes(got[what] as Float32Array, values as Float32Array, what);
        expect(kernels.memory.used).toBe(0);
      }
      kernels.close();
    }
  });
});

describe("calls on arrays", () => {
  it("take gain and bias in matrices, and give gradients there", async () => {
    const kernels = await loadThreads(2);
    const [size, rows] = [33, 7];
    const [x, dy] = [normal(rows * size, 1), normal(rows * size, 2)];
    const results = [alone, kernels].map((one) => {
      const params = { gain: one.matrix(normal(size, 3), size), bias: one.matrix(normal(size, 4), size) };
      const norm = one.layerNorm({ size });
      const forward = norm.forward(x, params);
      const out = { dGain: one.matrix(1, size), dBias: one.matrix(1, size) };
      const { dx } = norm.backward(dy, x, forward, { ...params, out });
      const all = [forward.y, forward.mean, dx, out.dGain.toArray(), out.dBias.toArray()];
      for (const matrix of [params.gain, params.bias, out.dGain, out.dBias]) matrix.free();
      return all;
    });
    const [wanted, got] = results as [Float32Array[], Float32Array[]];
    for (const [i, values] of wanted.entries()) expectSameBytes(got[i] as Float32Array, values);
  });

  it("work in place on views of matrices, also on views from before the memory grew", async () => {
    const kernels = await loadThreads(2);
    const size = 100;
    const matrix = kernels.matrix(normal(20 * size, 1), size);
    const early = matrix.data as Float32Array;
    const wanted = alone.adaNorm({ size }).forward(normal(20 * size, 1)).y;
    kernels.matrix(1000, 1000).free();
    expect(early.buffer).not.toBe(matrix.data.buffer);
    const { y } = kernels.adaNorm({ size }).forward(early, { out: early });
    expect(y).toBe(early);
    expectSameBytes(matrix.toArray() as Float32Array, wanted);
    // The two views are of one place, though their buffers are two objects.
    const shifted = (matrix.data as Float32Array).subarray(0, 10 * size);
    const other = early.subarray(5 * size, 15 * size);
    expect(() => kernels.adaNorm({ size }).forward(shifted, { out: other })).toThrow(/out: expected x itself/);
    const host = new Float32Array(10 * size);
    const norm = kernels.layerNorm({ size });
    const gradients = { dGain: early.subarray(0, size), dBias: (matrix.data as Float32Array).subarray(50, size + 50) };
    expect(() =>
      norm.backward(host, host.slice(), undefined, { gain: early.subarray(3 * size, 4 * size), out: gradients }),
    ).toThrow(/out.dBias: expected memory apart from out.dGain/);
    matrix.free();
    expect(() => norm.forward(host, { gain: early.subarray(0, size) })).toThrow(/whose Matrix was freed/);
  });
});
