/**
 * Every wrong argument is refused, with a TypeError if its kind is wrong and a RangeError if its value is wrong. The
 * message names the call, the argument, what was expected and what came. A refused call changes nothing.
 */
import { readFileSync } from "node:fs";
import { type Kernels, load, loadSync, type Matrix } from "adanorm";
import { afterEach, describe, expect, test } from "vitest";
import { makeNorm, NORMS, normal } from "./support.js";

type Floats = Matrix<"f32">;

/** Lets a test pass what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: that is its purpose
const any = (value?: unknown): any => value;

const [T, R] = [TypeError, RangeError];

const kernels = loadSync();
const [norm, plain, rows] = [kernels.layerNorm({ size: 4 }), kernels.adaNorm({ size: 4 }), kernels.rows(4)];

const [x, dy, out] = [normal(8, 1), normal(8, 2), normal(8, 3)];
const [four, six, twelve] = [normal(4, 4), normal(6, 5), normal(12, 6)];
const [mx, my, taller] = [x, out, twelve].map((array) => kernels.matrix(array, 4)) as [Floats, Floats, Floats];
const [wider, narrow] = [kernels.matrix(x, 8), kernels.matrix(x, 2)];
const foreign = loadSync().matrix(x, 4);
const bits = Uint16Array.from({ length: 8 }, (_, i) => 0x3c00 + i);
const mHalf = kernels.matrix(bits, 4, "f16");
const freed = kernels.matrix(x, 4);
freed.free();
const detached = normal(8, 7);
structuredClone(detached, { transfer: [detached.buffer as ArrayBuffer] });
const outgrown = mx.data;
kernels.matrix(1, 2 ** 20).free();
const detachedStats = { mean: new Float64Array(2), rstd: new Float64Array(2) };
structuredClone(detachedStats.rstd, { transfer: [detachedStats.rstd.buffer as ArrayBuffer] });

const bytes = (a: Float32Array | Float64Array | Uint16Array) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString("hex");

/** Everything that a refused call must not change. */
function state(): unknown[] {
  const matrices = [mx, my, taller, wider, narrow, foreign, mHalf].map(({ data }) => data);
  return [[x, dy, out, four, six, twelve, bits, ...matrices].map(bytes), kernels.memory.used];
}

/** The results of some calls, byte for byte. */
function results(of: Kernels): string[] {
  return NORMS.flatMap((name) => {
    const some = makeNorm(of, name, { size: 4 });
    const stats = some.forward(x);
    using m = of.matrix(x, 4);
    some.backward(m, m, stats, { out: { dx: m } });
    return [stats.y, stats.mean, stats.rstd, m.data, of.rows(4).sum(x)].map(bytes);
  });
}

const before = state();
const want = results(loadSync());
afterEach(() => {
  expect(state(), "what a refused call left behind").toEqual(before);
  expect(results(kernels), "what the kernels do after it").toEqual(want);
});

/** One test for each message: the call is refused with a message that begins with it. */
function refuses(error: ErrorConstructor, calls: Record<string, () => unknown>): void {
  test.each(Object.entries(calls))("%s", async (message, call) => {
    const thrown = await (async () => call())().catch((reason: Error) => reason);
    expect(thrown).toBeInstanceOf(error);
    expect(`${(thrown as Error).message} `.slice(0, message.length + 1)).toBe(`${message} `);
  });
}

/** One test for each value: RangeError refuses those of the right type, TypeError the others. */
function refusesValues(message: string, type: string, values: unknown[], call: (value: unknown) => unknown): void {
  for (const value of values) {
    const got = typeof value === "string" ? JSON.stringify(value) : value;
    refuses(typeof value === type ? R : T, { [`${message}, got ${got}`]: () => call(value) });
  }
}

describe("an array or matrix of the wrong kind", () => {
  const back = (upstream: Float32Array, input: Float32Array, params = {}, outs = {}) =>
    norm.backward(upstream, input, undefined, { ...params, out: { dx: out, ...outs } });
  const positions: Record<string, (value: unknown) => unknown> = {
    "layerNorm.forward: x": (value) => norm.forward(any(value), { out }),
    "layerNorm.forward: gain": (value) => norm.forward(x, { out, gain: any(value) }),
    "layerNorm.forward: bias": (value) => norm.forward(x, { out, bias: any(value) }),
    "layerNorm.forward: out": (value) => norm.forward(mx, { out: any(value) }),
    "layerNorm.backward: dy": (value) => back(any(value), x),
    "layerNorm.backward: x": (value) => back(dy, any(value)),
    "layerNorm.backward: gain": (value) => back(dy, x, { gain: any(value) }),
    "layerNorm.backward: bias": (value) => back(dy, x, { bias: any(value) }),
    "layerNorm.backward: out.dx": (value) => norm.backward(mx, mx, undefined, { out: { dx: any(value), dGain: four } }),
    "layerNorm.backward: out.dGain": (value) => back(dy, x, {}, { dGain: any(value) }),
    "layerNorm.backward: out.dBias": (value) => back(dy, x, {}, { dBias: any(value) }),
    "rows.sum: x": (value) => rows.sum(any(value)),
    "rows.moments: x": (value) => rows.moments(any(value)),
  };
  const values: [got: string, value: unknown][] = [
    ["a Float32Array or a Matrix, got Float64Array of 8", new Float64Array(8)],
    ["a Float32Array or a Matrix, got an Array of 8", Array.from(x)],
    ["a Float32Array or a Matrix, got an ArrayBuffer", x.buffer],
    ["a Float32Array or a Matrix, got an Object", { rows: 2, cols: 4, data: x }],
    ["a Float32Array or a Matrix, got null", null],
    ['a Float32Array or a Matrix, got "text"', "text"],
    ["a Float32Array or a Matrix, got 8", 8],
    ["a Float32Array or a Matrix, got a function", () => x],
    ["a live Matrix, got one that was freed", freed],
    ["a Matrix of these kernels, got one of another instance", foreign],
    ["an array with its buffer, got a detached one", detached],
    ["an array with its buffer, got a detached one", outgrown],
  ];
  for (const [position, call] of Object.entries(positions)) {
    for (const [got, value] of values) refuses(T, { [`${position}: expected ${got}`]: () => call(value) });
    if (!/: (x|dy)$/.test(position)) continue;
    refuses(T, { [`${position}: expected a Float32Array or a Matrix, got undefined`]: () => call(undefined) });
  }
  refuses(T, {
    [`layerNorm.forward: x: expected an array with its buffer, got a detached one (transferred, a matrix's data from before the ${""}memory grew, or a view past the end of a buffer that has shrunk)`]:
      () => norm.forward(detached),
    "Matrix.data: expected a live Matrix, got one that was freed": () => freed.data,
    "Matrix.toArray: expected a live Matrix, got one that was freed": () => freed.toArray(),
    "Matrix.toFloat32: expected a live Matrix, got one that was freed": () => freed.toFloat32(),
  });
});

describe("an argument of another element type", () => {
  const half = kernels.layerNorm({ size: 4, dtype: "f16" });
  const brain = kernels.layerNorm({ size: 4, dtype: "bf16" });
  refuses(T, {
    "layerNorm.forward: x: expected a Float32Array or a Matrix, got Uint16Array of 8": () => norm.forward(any(bits)),
    "layerNorm.forward: x: expected a Matrix of f32, got a Matrix of f16": () => norm.forward(any(mHalf)),
    "layerNorm.forward: x: expected a Uint16Array or Float16Array or a Matrix, got Float32Array of 8": () =>
      half.forward(any(x)),
    "layerNorm.forward: x: expected a Matrix of f16, got a Matrix of f32": () => half.forward(mx),
    "layerNorm.forward: x: expected a Uint16Array or a Matrix, got Float32Array of 8": () => brain.forward(any(x)),
    "layerNorm.forward: x: expected a Matrix of bf16, got a Matrix of f16": () => brain.forward(any(mHalf)),
    "layerNorm.forward: bias: expected a Matrix of bf16, got a Matrix of f16": () =>
      brain.forward(bits, { bias: any(mHalf) }),
    "layerNorm.backward: out.dGain: expected a Float32Array or a Matrix, got Uint16Array of 4": () =>
      half.backward(bits, bits, undefined, { out: { dGain: any(new Uint16Array(4)) } }),
    "layerNorm.backward: out.dBias: expected a Float32Array or a Matrix, got Uint16Array of 4": () =>
      half.backward(bits, bits, undefined, { out: { dBias: any(new Uint16Array(4)) } }),
    "rows.sum: x: expected a Float32Array or a Matrix, got Uint16Array of 8": () => rows.sum(bits),
  });
});

describe("a residual", () => {
  const wide = new Float32Array(24);
  refuses(T, {
    "layerNorm.forward: residual: expected a batch to add, as there is a sum, got undefined": () =>
      norm.forward(x, { sum: out }),
    "layerNorm.forward: residual: expected a Matrix, as x is, got Float32Array of 8": () =>
      norm.forward(mx, any({ residual: x })),
    "layerNorm.forward: sum: expected a Float32Array or a Matrix, got an Array of 8": () =>
      norm.forward(x, any({ residual: x, sum: Array.from(x) })),
    "layerNorm.backward: dSum: expected a Float32Array or a Matrix, got null": () =>
      norm.backward(dy, x, undefined, any({ dSum: null })),
  });
  refuses(R, {
    "layerNorm.forward: residual: expected the shape of x, 8, got 12": () => norm.forward(x, { residual: twelve }),
    "layerNorm.forward: sum: expected the shape of x, 8, got 12": () => norm.forward(x, { residual: x, sum: twelve }),
    "layerNorm.backward: dSum: expected the shape of dy, 8, got 12": () =>
      norm.backward(dy, x, undefined, { dSum: twelve }),
    "layerNorm.forward: out: expected memory apart from sum, got bytes 0 to 32 over bytes 0 to 32": () =>
      norm.forward(x, { residual: dy, sum: out, out }),
    "layerNorm.forward: sum: expected x itself, or memory apart from it, got bytes 0 to 32 over bytes 16 to 48": () =>
      norm.forward(wide.subarray(4, 12), { residual: x, sum: wide.subarray(0, 8) }),
    "layerNorm.forward: sum: expected residual itself, or memory apart from it, got bytes 0 to 32 over bytes 16 to 48":
      () => norm.forward(x, { residual: wide.subarray(4, 12), sum: wide.subarray(0, 8) }),
    "layerNorm.backward: out.dx: expected dSum itself, or memory apart from it, got bytes 0 to 32 over bytes 16 to 48":
      () => norm.backward(dy, x, undefined, { dSum: wide.subarray(4, 12), out: { dx: wide.subarray(0, 8) } }),
  });
});

describe("a rowStride", () => {
  const wide = new Float32Array(24);
  const roomy = new Float32Array(32);
  const at = (rowStride: unknown, input: unknown = wide) => norm.forward(any(input), any({ rowStride }));
  refuses(T, {
    'layerNorm.forward: rowStride: expected an integer >= size 4, got "8"': () => at("8"),
    "layerNorm.forward: rowStride: expected an integer >= size 4, got null": () => at(null),
    "layerNorm.forward: rowStride.x: expected an integer >= size 4, got true": () => at({ x: true }),
  });
  refuses(R, {
    "layerNorm.forward: rowStride: expected an integer >= size 4, got 3": () => at(3),
    "layerNorm.forward: rowStride: expected an integer >= size 4, got 4.5": () => at(4.5),
    "layerNorm.forward: rowStride.x: expected an integer >= size 4, got Infinity": () => at({ x: Infinity }),
    "layerNorm.forward: x: expected a length of whole rows of size 4, rowStride 7 apart, got 24": () => at(7),
    "layerNorm.forward: x: expected rows of rowStride 8, got 2 x 4": () => at(8, mx),
    "layerNorm.forward: out: expected the shape of x, 3 x 4, rows 8 apart, got 8": () =>
      norm.forward(wide, { rowStride: { x: 8 }, out }),
    "layerNorm.backward: x: expected the shape of dy, 8, got 3 x 4, rows 8 apart": () =>
      norm.backward(dy, wide, undefined, { rowStride: { x: 8 } }),
    "layerNorm.forward: out: expected x itself, or memory apart from it, got bytes 8 to 88 over bytes 0 to 80": () =>
      norm.forward(wide, { rowStride: 8, out: wide.subarray(2) }),
    "layerNorm.forward: out: expected x itself, or memory apart from it, got bytes 0 to 48 over bytes 0 to 80": () =>
      norm.forward(wide, { rowStride: { x: 8 }, out: wide.subarray(0, 12) }),
    // Rows of 4 at 0, 8 and 16; at 4, 16 and 28, which are beside them by one distance, and not by the other.
    "layerNorm.forward: out: expected x itself, or memory apart from it, got bytes 16 to 128 over bytes 0 to 80": () =>
      norm.forward(roomy.subarray(0, 20), { rowStride: { x: 8, out: 12 }, out: roomy.subarray(4) }),
    // Rows of 4 at 12, 16 and 20; at 4, 12 and 20: they end with the same element.
    "layerNorm.forward: out: expected x itself, or memory apart from it, got bytes 16 to 96 over bytes 48 to 96": () =>
      norm.forward(wide.subarray(12), { rowStride: { out: 8 }, out: wide.subarray(4) }),
  });
});

describe("a shape that disagrees", () => {
  const back = (options: object) => norm.backward(dy, x, undefined, options);
  refuses(R, {
    "layerNorm.forward: x: expected a length that is a multiple of size 4, got 6": () => norm.forward(six),
    "layerNorm.forward: x: expected rows of size 4, got 1 x 8": () => norm.forward(wider),
    "layerNorm.forward: x: expected rows of size 4, got 4 x 2": () => norm.forward(narrow),
    "layerNorm.forward: gain: expected 4 elements, or m times as many where m divides 2 rows, got 12": () =>
      norm.forward(x, { gain: twelve }),
    "layerNorm.forward: bias: expected 4 elements, or m times as many where m divides 2 rows, got 3 x 4": () =>
      norm.forward(x, { bias: taller }),
    "layerNorm.forward: bias: expected 8 elements, as many as gain, got 4": () =>
      norm.forward(x, { gain: dy, bias: dy.subarray(0, 4) }),
    "layerNorm.forward: gain: expected 4 elements, got 8": () => norm.forward(dy.subarray(0, 4), { gain: dy }),
    "layerNorm.forward: out: expected the shape of x, 8, got 12": () => norm.forward(x, { out: twelve }),
    "layerNorm.forward: out: expected the shape of x, 2 x 4, got 3 x 4": () => norm.forward(mx, { out: taller }),
    "layerNorm.forward: out: expected rows of size 4, got 1 x 8": () => norm.forward(mx, { out: wider }),
    "layerNorm.backward: dy: expected a length that is a multiple of size 4, got 6": () => norm.backward(six, six),
    "layerNorm.backward: x: expected rows of size 4, got 4 x 2": () => norm.backward(mx, narrow),
    "layerNorm.backward: x: expected the shape of dy, 8, got 12": () => norm.backward(dy, twelve),
    "layerNorm.backward: x: expected the shape of dy, 2 x 4, got 3 x 4": () => norm.backward(mx, taller),
    "layerNorm.backward: gain: expected 4 elements, or m times as many where m divides 2 rows, got 0": () =>
      back({ gain: out.subarray(0, 0) }),
    "layerNorm.backward: bias: expected 4 elements, or m times as many where m divides 2 rows, got 6": () =>
      back({ bias: six }),
    "layerNorm.backward: out.dx: expected the shape of dy, 8, got 12": () => back({ out: { dx: twelve } }),
    "layerNorm.backward: out.dGain: expected 4 elements, or m times as many where m divides 2 rows, got 12": () =>
      back({ out: { dGain: twelve } }),
    "layerNorm.backward: out.dGain: expected 4 elements, as many as gain, got 8": () =>
      back({ gain: six.subarray(0, 4), out: { dGain: out } }),
    "layerNorm.backward: out.dBias: expected 4 elements, or m times as many where m divides 2 rows, got 6": () =>
      back({ out: { dBias: six } }),
    "rows.max: x: expected a length that is a multiple of size 4, got 6": () => rows.max(six),
    "rows.moments: x: expected rows of size 4, got 1 x 8": () => rows.moments(wider),
  });
  refuses(T, {
    "layerNorm.forward: out: expected a Matrix, as x is, got Float32Array of 8": () => norm.forward(mx, any({ out })),
    "layerNorm.forward: out: expected a Float32Array, as x is, got a Matrix": () => norm.forward(x, any({ out: my })),
    "layerNorm.backward: x: expected a Matrix, as dy is, got Float32Array of 8": () => norm.backward(mx, any(x)),
    "layerNorm.backward: out.dx: expected a Float32Array, as dy is, got a Matrix": () => back({ out: { dx: my } }),
  });
});

describe("an option of a call", () => {
  const back = (stats: unknown, options?: unknown) => norm.backward(dy, x, any(stats), any(options));
  const [none, mean, rstd, three] = [0, 2, 2, 3].map((length) => new Float64Array(length));
  refuses(T, {
    "layerNorm.forward: options: expected an object, got null": () => norm.forward(x, any(null)),
    'layerNorm.backward: options: expected an object, got "out"': () => back(undefined, "out"),
    "layerNorm.backward: out: expected an object, got 3": () => back(undefined, { out: 3 }),
    "layerNorm.backward: out: expected an object, got null": () => back(undefined, { out: null }),
    "layerNorm.backward: accumulate: expected true or false, got 1": () => back(undefined, { accumulate: 1 }),
    "layerNorm.backward: accumulate: expected true or false, got null": () => back(undefined, { accumulate: null }),
    "layerNorm.backward: out.dGain: expected an array to add onto, got undefined": () =>
      back(undefined, { gain: four, accumulate: true }),
    "layerNorm.backward: out.dBias: expected an array to add onto, got undefined": () =>
      back(undefined, { bias: four, accumulate: true }),
    "layerNorm.backward: stats: expected an object, got null": () => back(null),
    "layerNorm.backward: stats.mean: expected a Float64Array, got undefined": () => back({}),
    "layerNorm.backward: stats.mean: expected a Float64Array, got Float32Array of 8": () => back({ mean: x, rstd }),
    "layerNorm.backward: stats.rstd: expected a Float64Array, got an Array of 2": () => back({ mean, rstd: [1, 1] }),
    "layerNorm.backward: stats.rstd: expected an array with its buffer, got a detached one": () => back(detachedStats),
    "adaNorm.forward: gain: expected none, as adaNorm has no gain and no bias, got Float32Array of 4": () =>
      plain.forward(x, any({ gain: four })),
    "adaNorm.backward: out.dGain: expected none, as adaNorm has no gain and no bias, got Float32Array of 4": () =>
      plain.backward(dy, x, undefined, any({ out: { dGain: four } })),
  });
  refuses(R, {
    "layerNorm.backward: stats.mean: expected one number for each of 2 rows, got 3": () => back({ mean: three, rstd }),
    "layerNorm.backward: stats.rstd: expected one number for each of 2 rows, got 0": () => back({ mean, rstd: none }),
    "rows.variance: ddof: expected 0 or 1, got 2": () => rows.variance(x, { ddof: any(2) }),
    "rows.moments: ddof: expected 0 or 1, got 2": () => rows.moments(x, { ddof: any(2) }),
  });
});

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

describe.each(NORMS)("an option of %s", (make) => {
  const options: [option: string, type: string, expected: string, values: unknown[]][] = [
    ["size", "number", "an integer >= 1", [0, -1, 1.5, nan, infinity, "4", null, undefined]],
    ["eps", "number", "a finite number >= 0", [-1e-9, nan, infinity, "1e-5", null]],
    ["epsAt", "string", '"variance" or "std"', ["both", "", 1, null]],
    ["ddof", "number", "0 or 1", [2, -1, 0.5, nan, "1", true, null]],
    ["detachMean", "boolean", "true or false", [1, "true", null]],
    ["detachStd", "boolean", "true or false", [0, "false", null]],
    ["dtype", "string", '"f32" or "f16" or "bf16"', ["f64", "F16", 16, null]],
  ];
  const ada: typeof options = [
    ["k", "number", "a finite number >= 0", [-0.1, nan, infinity, "0.1", null]],
    ["scale", "number", "a finite number > 0", [0, -1, nan, infinity, "1", null]],
    ["detachScale", "boolean", "true or false", [1, "true", null]],
  ];
  for (const [option, type, expected, values] of make === "adaNorm" ? [...options, ...ada] : options) {
    const call = (value: unknown) => kernels[make](any({ size: 4, [option]: value }));
    refusesValues(`${make}: ${option}: expected ${expected}`, type, values, call);
  }
  refusesValues(`${make}: options: expected an object`, "object", [undefined, 4], (value) => kernels[make](any(value)));
});

describe("an argument of rows or matrix", () => {
  const matrix = (...values: unknown[]) => any(kernels).matrix(...values);
  const sizes = [0, -1, 1.5, nan, infinity, "4", null, undefined];
  refusesValues("rows: size: expected an integer >= 1", "number", sizes, (value) => kernels.rows(any(value)));
  refusesValues("matrix: cols: expected an integer >= 1", "number", sizes, (value) => matrix(3, value));
  refusesValues("matrix: rows: expected an integer >= 0", "number", [-1, 1.5, nan], (value) => matrix(value, 2));
  const source = "matrix: source: expected a Float32Array, Uint16Array or Float16Array, or a number of rows";
  refusesValues(source, "object", ["3", undefined, true], (value) => matrix(value, 4));
  refuses(T, {
    [`${source}, got Float64Array of 2`]: () => matrix(new Float64Array(2), 4),
    'matrix: dtype: expected "f16" or "bf16", as the bits of a Uint16Array may be either, got undefined': () =>
      matrix(bits, 4),
    'matrix: dtype: expected "f16" or "bf16", as the bits of a Uint16Array may be either, got "f32"': () =>
      matrix(bits, 4, "f32"),
    "matrix: source: expected an array with its buffer, got a detached one": () => matrix(detached, 4),
  });
  refuses(R, {
    "matrix: source: expected a length that is a multiple of cols 4, got 6": () => matrix(six, 4),
    "matrix: memory: expected room for 4398046511104 bytes more, got none": () => matrix(2 ** 20, 2 ** 20),
    "matrix: memory: expected room for": () => matrix(2 ** 53 - 1, 2 ** 53 - 1),
    'matrix: dtype: expected "f32" or "f16" or "bf16", got "f64"': () => matrix(2, 4, "f64"),
    'rows: dtype: expected "f32" or "f16" or "bf16", got "f64"': () => any(kernels).rows(4, { dtype: "f64" }),
  });
});

describe.each(Object.entries({ load, loadSync }))("an option of %s", (name, make) => {
  const options: [option: string, type: string, expected: string, values: unknown[]][] = [
    ["maximumBytes", "number", "a finite number >= 65536", [65535, nan, infinity, "65536", null]],
    ["relaxedSimd", "boolean", "true or false", [1, "true", null]],
    ["module", "object", "a WebAssembly.Module or its bytes", [3, "adanorm.wasm"]],
  ];
  for (const [option, type, expected, values] of options) {
    const call = (value: unknown) => make(any({ [option]: value }));
    refusesValues(`${name}: ${option}: expected ${expected}`, type, values, call);
  }
  refuses(T, {
    [`${name}: options: expected an object, got null`]: () => make(any(null)),
    [`${name}: module: expected a WebAssembly.Module or its bytes, got null`]: () => make(any({ module: null })),
    [`${name}: module: expected a WebAssembly.Module or its bytes, got an Object`]: () => make({ module: {} }),
  });

  test("bytes that are no module are refused by the engine", async () => {
    const module = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));
    expect((await make({ module })).rows(4).sum(x)).toEqual(rows.sum(x));
    module.fill(0xff, 100, 120);
    await expect((async () => make({ module }))()).rejects.toThrow(WebAssembly.CompileError);
  });
});
