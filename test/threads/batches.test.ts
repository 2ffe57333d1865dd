/** The results of batches of some stripes and blocks: the same bytes for any number of threads. */
import { type DType, type Kernels, loadSync, type Matrix } from "adanorm";
import { describe, expect, it } from "vitest";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, normalOf } from "../support.ts";
import { loadThreads, shareAll } from "./support.ts";

const alone = loadSync();

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
    // Its later tiles do so too, and have more stripes than a task takes.
    ["f16", 9001, 9],
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

/** What backward gives where samples have gains of their own. */
function sampleResults(kernels: Kernels, samples: number, rowsPerGain: number, size: number): Numbers[] {
  const rows = samples * rowsPerGain;
  const matrix = (seed: number, count: number) => kernels.matrix(normal(count * size, seed), size);
  const [x, dy, over, gain, bias] = [
    matrix(1, rows),
    matrix(2, rows),
    matrix(2, rows),
    matrix(3, samples),
    matrix(4, samples),
  ];
  const norm = kernels.layerNorm({ size });
  const params = { gain, bias };
  const forward = norm.forward(x, params);
  const first = norm.backward(dy, x, forward, params);
  const { dGain, dBias } = first;
  const results: object[] = [forward.y, forward.mean, first.dx, dGain, dBias].map((one) =>
    "toArray" in one ? one.toArray() : one,
  );
  // Over dy, and onto the sums of before.
  norm.backward(over, x, forward, { ...params, out: { dx: over, dGain, dBias }, accumulate: true });
  const prepared = norm.prepareBackward(dy, x, forward, params);
  prepared.run();
  prepared.run(rows - 1);
  const ofBias = norm.backward(dy, x, forward, { bias, dx: false }).dBias;
  const { result } = prepared;
  const gradients = [over, dGain, dBias, result.dx, result.dGain, result.dBias, ofBias];
  results.push(...gradients.map((one) => one.toArray()));
  for (const one of [x, dy, over, gain, bias, forward.y, first.dx, dGain, dBias, ofBias, prepared]) one.free();
  return results as Numbers[];
}

describe("a gain for each sample", () => {
  // Samples that are a part of a stripe, a stripe, and several with and without a part of one; the last have tiles that end in them.
  it.each([
    [300, 1, 33],
    [40, 17, 20],
    [5, 64, 40],
    [3, 150, 67],
    [2, 256, 12],
    [3, 1700, 8],
    [2, 5001, 9],
  ])("%i samples of %i rows of %i", async (samples, rowsPerGain, size) => {
    const wanted = sampleResults(alone, samples, rowsPerGain, size);
    for (const threads of [2, 3, 5]) {
      const kernels = await loadThreads(threads);
      for (const share of [() => {}, shareAll]) {
        share();
        const got = sampleResults(kernels, samples, rowsPerGain, size);
        for (const [i, values] of wanted.entries())
          expectSameBytes(got[i] as Float32Array, values as Float32Array, `${i}`);
      }
      expect(kernels.memory.used).toBe(0);
      kernels.close();
    }
  });
});

/** The same for groupNorm, over x and dy at the end. */
function channelResults(
  kernels: Kernels,
  samples: number,
  channels: number,
  groups: number,
  spatial: number,
): Numbers[] {
  const norm = kernels.groupNorm({ channels, groups, spatial });
  const { size } = norm;
  const matrix = (seed: number, length: number, cols: number) => kernels.matrix(normal(length, seed), cols);
  const elements = samples * channels * spatial;
  const [x, dy, gain, bias] = [
    matrix(1, elements, size),
    matrix(2, elements, size),
    matrix(3, channels, channels),
    matrix(4, channels, channels),
  ];
  const forward = norm.forward(x, { gain, bias });
  const first = norm.backward(dy, x, undefined, { gain, bias });
  const results: object[] = [forward.y, forward.rstd, first.dx, first.dGain, first.dBias].map((one) =>
    "toArray" in one ? one.toArray() : one,
  );
  const { dGain, dBias } = first;
  norm.backward(dy, x, forward, { gain, bias, out: { dx: dy, dGain, dBias }, accumulate: true });
  norm.forward(x, { gain, bias, out: x });
  results.push(...[dy, dGain, dBias, x].map((one) => one.toArray()));
  for (const one of [x, dy, gain, bias, forward.y, first.dx, dGain, dBias]) one.free();
  return results as Numbers[];
}

describe("groups of channels", () => {
  it.each([
    [30, 6, 3, 17],
    [3, 64, 32, 400],
    [9, 3000, 2, 2],
    [700, 16, 8, 5],
  ])("%i samples of %i channels in %i groups of %i elements", async (samples, channels, groups, spatial) => {
    const wanted = channelResults(alone, samples, channels, groups, spatial);
    for (const threads of [2, 3, 5]) {
      const kernels = await loadThreads(threads);
      for (const share of [() => {}, shareAll]) {
        share();
        const got = channelResults(kernels, samples, channels, groups, spatial);
        for (const [i, values] of wanted.entries())
          expectSameBytes(got[i] as Float32Array, values as Float32Array, `${i}`);
      }
      expect(kernels.memory.used).toBe(0);
      kernels.close();
    }
  });
});
