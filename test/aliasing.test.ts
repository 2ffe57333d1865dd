/**
 * The bytes of results do not depend on where they go or on how a batch is split: results over inputs, arrays or
 * matrices, tiles, rows split over calls. A call that would overwrite an input before it is read is refused.
 */
import { loadSync, type Matrix, type RowStats } from "adanorm";
import { type NormName, backward as referenceBackward } from "adanorm/reference";
import { describe, expect, test } from "vitest";
import {
  backwardBounds,
  expectSameBytes,
  expectWithin,
  hasParams,
  makeNorm,
  NORMS,
  normal,
  random,
} from "./support.js";

const kernels = loadSync();

/** Batches of less than a tile of 128 KiB, of several tiles and a part, of rows longer than a tile. */
const SHAPES = [
  { rows: 7, size: 5 },
  { rows: 1003, size: 99 },
  { rows: 4099, size: 9 },
  { rows: 6, size: 33001 },
];
const CASES = NORMS.flatMap((name) => SHAPES.map((shape) => ({ name, ...shape })));

/** Arguments for one case. Some rows of x need double precision. */
function batch({ name, rows, size }: { name: NormName; rows: number; size: number }) {
  const x = normal(rows * size, rows + size, 0.5, 2);
  for (let row = 2; row < rows; row += 97) {
    for (let i = row * size; i < (row + 1) * size; i++) x[i] = 1e25 * (x[i] as number);
  }
  const dy = normal(rows * size, rows + size + 1);
  const params = hasParams(name) ? { gain: normal(size, size, 1, 0.5), bias: normal(size, size + 1) } : {};
  return { x, dy, params, norm: makeNorm(kernels, name, { size }) };
}

const KINDS: [kind: string, of: (source: Float32Array, cols: number) => Float32Array | Matrix][] = [
  ["an array", (source) => source.slice()],
  ["a matrix", (source, cols) => kernels.matrix(source, cols)],
];
const elements = (value: Float32Array | Matrix): Float32Array =>
  value instanceof Float32Array ? value : value.toFloat32();
const release = (...values: (Float32Array | Matrix | undefined)[]) => {
  for (const value of values) if (value && "free" in value) value.free();
};

describe.each(CASES)("$name, $rows x $size", (shape) => {
  const { rows, size } = shape;
  const { x, dy, params, norm } = batch(shape);
  const whole = norm.forward(x, params);
  const wholeBack = norm.backward(dy, x, whole, params);
  const gradients = hasParams(shape.name) ? (["dx", "dGain", "dBias"] as const) : (["dx"] as const);

  test.each(KINDS)("forward of %s gives the same bytes, to a new one and to x itself", (_kind, of) => {
    const inPlace = of(x, size);
    const fresh = norm.forward(inPlace, params);
    expect(fresh.y).not.toBe(inPlace);
    expectSameBytes(elements(inPlace), x, "x is left alone");
    expectSameBytes(elements(fresh.y), whole.y, "y");
    const result = norm.forward(inPlace, { ...params, out: inPlace });
    expect(result.y).toBe(inPlace);
    expectSameBytes(elements(inPlace), whole.y, "y in place of x");
    for (const stats of [fresh, result]) {
      expectSameBytes(stats.mean, whole.mean, "mean");
      expectSameBytes(stats.rstd, whole.rstd, "rstd");
    }
    release(inPlace, fresh.y);
  });

  test.each(KINDS)("backward of %s gives the same bytes, dx being new, dy or x, stats given or not", (_kind, of) => {
    for (const stats of [whole, undefined]) {
      for (const place of ["new", "dy", "x"] as const) {
        const arrays = { dy: of(dy, size), x: of(x, size) };
        const out = place === "new" ? {} : { dx: arrays[place] };
        const result = norm.backward(arrays.dy, arrays.x, stats, { ...params, out });
        if (place !== "new") expect(result.dx).toBe(arrays[place]);
        for (const each of gradients) {
          expectSameBytes(elements(result[each] as Matrix), elements(wholeBack[each] as Float32Array), each);
        }
        if (place !== "dy") expectSameBytes(elements(arrays.dy), dy, "dy is left alone");
        if (place !== "x") expectSameBytes(elements(arrays.x), x, "x is left alone");
        release(arrays.dy, arrays.x, result.dx, result.dGain, result.dBias);
      }
    }
  });

  test("rows split over calls, at any row, give the same bytes of y, dx and stats", () => {
    for (let row = 0, count = 1; row < rows; row += count, count = 3 * count + 1) {
      const [start, end] = [row * size, Math.min(row + count, rows) * size];
      const part = norm.forward(x.subarray(start, end), params);
      expectSameBytes(part.y, whole.y.subarray(start, end), `y from row ${row}`);
      expectSameBytes(part.rstd, whole.rstd.subarray(row, row + count), `rstd from row ${row}`);
      expectSameBytes(part.mean, whole.mean.subarray(row, row + count), `mean from row ${row}`);
      const { dx } = norm.backward(dy.subarray(start, end), x.subarray(start, end), part, params);
      expectSameBytes(dx, wholeBack.dx.subarray(start, end), `dx from row ${row}`);
    }
  });
});

test.each(KINDS)("backward of %s takes the statistics that it is given, row for row", (_kind, of) => {
  const [rows, size] = [4999, 50];
  const next = random(1);
  const stats = {
    mean: new Float64Array(rows),
    rstd: Float64Array.from({ length: rows }, () => 2 ** Math.floor(9 * next())),
  };
  const ones = of(new Float32Array(rows * size).fill(1), size);
  const { dx } = kernels.detachNorm({ size }).backward(ones, ones, stats);
  const want = Float32Array.from({ length: rows * size }, (_, i) => stats.rstd[Math.floor(i / size)] as number);
  expectSameBytes(elements(dx), want, "dx = dy rstd");
});

test.each(KINDS)("of %s, what is no result is never written to", (_kind, of) => {
  const { x, dy, params, norm } = batch({ name: "layerNorm", rows: 403, size: 101 });
  const sources = [dy, x, params.gain as Float32Array];
  const [upstream, input, gain] = sources.map((source) => of(source, 101)) as [Matrix, Matrix, Matrix];
  const stats = norm.forward(input, { gain });
  const { mean, rstd } = norm.forward(x);
  norm.backward(upstream, input, stats, { gain });
  for (const [i, each] of [upstream, input, gain].entries())
    expectSameBytes(elements(each), sources[i] as Float32Array);
  expectSameBytes(stats.mean, mean, "mean");
  expectSameBytes(stats.rstd, rstd, "rstd");
});

describe.each(["layerNorm", "rmsNorm"] as const)("%s: dGain and dBias", (name) => {
  const [rows, size] = [1003, 99];
  const shape = { name, rows, size };

  test.each(KINDS)("add up over shards of the rows, onto what %s held, to those of the whole", (_kind, of) => {
    const { x, dy, params, norm } = batch(shape);
    const oracle = { size, ...params };
    const want = referenceBackward(name, dy, x, oracle);
    const bound = backwardBounds(name, dy, x, oracle);
    const sums = { dGain: of(new Float32Array(size), size), dBias: of(new Float32Array(size), size) };
    for (const [first, last] of [
      [0, 401],
      [401, 402],
      [402, rows],
    ] as const) {
      const part = [dy, x].map((each) => of(each.subarray(first * size, last * size), size)) as [Matrix, Matrix];
      const { dGain, dBias } = norm.backward(...part, undefined, { ...params, out: sums, accumulate: true });
      expect([dGain, dBias]).toEqual([sums.dGain, sums.dBias]);
    }
    expectWithin(elements(sums.dGain), want.dGain, bound.dGain, "dGain");
    expectWithin(elements(sums.dBias), want.dBias, bound.dBias, "dBias");
  });

  test.each(KINDS)("replace what %s held unless they are to accumulate, the parameters given or not", (_kind, of) => {
    const { x, dy, params, norm } = batch(shape);
    const whole = norm.backward(dy, x, undefined, params);
    for (const given of [params, {}]) {
      const out = {
        dGain: of(new Float32Array(size).fill(7), size),
        dBias: of(new Float32Array(size).fill(7), size),
      };
      norm.backward(dy, x, undefined, { ...given, out });
      expectSameBytes(elements(out.dGain), whole.dGain as Float32Array, "dGain");
      expectSameBytes(elements(out.dBias), whole.dBias as Float32Array, "dBias");
    }
  });
});

describe.each(["the caller's memory", "linear memory"])("in %s", (where) => {
  const SIZE = 8;
  const memory = kernels.matrix(1, 256);
  const own = new Float32Array(256);
  const arena = () => (where === "linear memory" ? memory.data : own);
  /** `rows` rows from an element on. */
  const at = (start: number, rows = 2) => arena().subarray(start, start + rows * SIZE);
  const norm = kernels.layerNorm({ size: SIZE });
  const stats = { mean: new Float64Array(2), rstd: new Float64Array(2).fill(1) };
  const forward = (out: number, options: { gain?: Float32Array; bias?: Float32Array } = {}) =>
    norm.forward(at(64), { ...options, out: at(out) });
  const backward = (out: { dx?: Float32Array; dGain?: Float32Array; dBias?: Float32Array }, given: RowStats = stats) =>
    norm.backward(at(32), at(64), given, { gain: at(96, 1), bias: at(112, 1), out });

  const refused: [output: string, other: string, call: () => unknown][] = [
    ["out", "x", () => forward(65)],
    ["out", "x", () => forward(63)],
    ["out", "x", () => forward(64 + 15)],
    ["out", "gain", () => forward(0, { gain: at(15, 1) })],
    ["out", "gain", () => forward(64, { gain: at(66, 1) })],
    ["out", "bias", () => forward(0, { bias: at(8, 1) })],
    ["out.dx", "dy", () => backward({ dx: at(33) })],
    ["out.dx", "x", () => backward({ dx: at(79) })],
    ["out.dx", "gain", () => backward({ dx: at(88) })],
    ["out.dx", "bias", () => backward({ dx: at(112) })],
    ["out.dGain", "dy", () => backward({ dGain: at(32, 1) })],
    ["out.dGain", "x", () => backward({ dGain: at(72, 1) })],
    ["out.dGain", "gain", () => backward({ dGain: at(96, 1) })],
    ["out.dGain", "bias", () => backward({ dGain: at(105, 1) })],
    ["out.dGain", "out.dx", () => backward({ dx: at(0), dGain: at(8, 1) })],
    ["out.dBias", "dy", () => backward({ dBias: at(25, 1) })],
    ["out.dBias", "x", () => backward({ dBias: at(64, 1) })],
    ["out.dBias", "gain", () => backward({ dBias: at(103, 1) })],
    ["out.dBias", "bias", () => backward({ dBias: at(112, 1) })],
    ["out.dBias", "out.dx", () => backward({ dx: at(32), dBias: at(32, 1) })],
    ["out.dBias", "out.dGain", () => backward({ dGain: at(0, 1), dBias: at(7, 1) })],
  ];

  test.each(refused)("%s over %s is refused, and nothing is written", (output, other, call) => {
    arena().set(normal(256, 1));
    const before = arena().slice();
    const overlap = new RegExp(`^layerNorm\\.(forward|backward): ${output}: expected .*${other}.*, got bytes \\d+ to`);
    expect(call).toThrow(RangeError);
    expect(call).toThrow(overlap);
    expectSameBytes(arena(), before);
  });

  test("results that only touch inputs, or take their place, are right", () => {
    arena().set(normal(256, 1));
    const [dy, x, gain, bias] = [at(32).slice(), at(64).slice(), at(96, 1).slice(), at(112, 1).slice()];
    const want = norm.forward(x, { gain, bias });
    const wantBack = norm.backward(dy, x, want, { gain, bias });
    for (const dx of [16, 32, 48, 80]) {
      arena().set(normal(256, 1));
      backward({ dx: at(dx), dGain: at(104, 1), dBias: at(120, 1) }, want);
      expectSameBytes(at(dx), wantBack.dx, `dx at ${dx}`);
      expectSameBytes(at(104, 1), wantBack.dGain as Float32Array, "dGain between gain and bias");
      expectSameBytes(at(120, 1), wantBack.dBias as Float32Array, "dBias behind bias");
    }
    for (const y of [80, 48, 64]) {
      arena().set(x, 64);
      forward(y, { gain: at(96, 1), bias: at(112, 1) });
      expectSameBytes(at(y), want.y, `y at ${y}`);
    }
  });

  test("an empty batch overlaps nothing", () => {
    expect(norm.forward(at(98, 0), { gain: at(96, 1), out: at(98, 0) }).y.length).toBe(0);
  });
});

test("results in the memory that holds the statistics, or in views of matrices that are inputs, are refused", () => {
  const { buffer } = new Float64Array(4);
  const [stat, dx] = [new Float64Array(buffer), new Float32Array(buffer)];
  const call = () =>
    kernels.layerNorm({ size: 2 }).backward(dx.slice(), dx.slice(), { mean: stat, rstd: stat }, { out: { dx } });
  expect(call).toThrow(/^layerNorm\.backward: out\.dx: expected memory apart from stats\.mean, got bytes/);
  const other = { mean: new Float64Array(4), rstd: stat };
  expect(() => kernels.layerNorm({ size: 2 }).backward(dx.slice(), dx.slice(), other, { out: { dx } })).toThrow(
    /^layerNorm\.backward: out\.dx: expected memory apart from stats\.rstd, got bytes/,
  );
  const [x, gain] = [kernels.matrix(normal(32, 1), 8), kernels.matrix(normal(8, 2), 8)];
  const norm = kernels.layerNorm({ size: 8 });
  expect(() => norm.forward(gain.data, { gain, out: gain.data })).toThrow(RangeError);
  expect(() => norm.backward(x, x, undefined, { out: { dGain: x.data.subarray(4, 12) } })).toThrow(RangeError);
  expectSameBytes(gain.toArray(), normal(8, 2));
  expectSameBytes(x.toArray(), normal(32, 1));
});
