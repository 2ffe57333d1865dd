/**
 * What must hold wherever the package runs: one suite for every runtime, on the published package. It uses only the
 * package and what all runtimes have. It reports instead of throwing, so that a report can come from a page or a worker.
 */

import type { Kernels, Matrix, Norm } from "adanorm";
import * as adanorm from "adanorm";
import * as reference from "adanorm/reference";
import { type Digests, digest } from "../digest.ts";
import { assert, Tally } from "./tally.ts";
import { hasThreads, type Limits, testOneThread, testThreads } from "./threads.ts";

export interface Report {
  passed: number;
  failed: { name: string; error: string }[];
  /** The digest of all results, by arrays; undefined if it could not be computed. */
  digest: Digests | undefined;
  /** Whether load({ relaxedSimd: true }) gives the relaxed build here. */
  relaxedSimd: boolean;
  /** Whether loadSync may compile here. */
  sync: boolean;
  /** Whether load({ threads }) gives threads here. */
  threads: boolean;
}

export interface Host {
  /** The bytes of the portable module, if the host can provide them and lets them be compiled. */
  bytes?: ArrayBuffer;
  /** A module that the host compiled. */
  module?: WebAssembly.Module;
  /** Given if the host has threads, so that small calls are shared too. */
  limits?: Limits;
}

const NORMS = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"] as const;
const ULP = 2 ** -23;

/** Evenly distributed numbers in [-2, 2), by integer arithmetic alone. */
function numbers(length: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (state / 2 ** 32) * 4 - 2;
  });
}

/** Much wider than the error bounds, which other tests check: this only shows that the results are the right ones. */
function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, tolerance = 16 * ULP): void {
  assert(actual.length === expected.length, `${what}: ${actual.length} numbers, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i] as number, expected[i] as number];
    const near = Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
    assert(near || (Number.isNaN(a) && Number.isNaN(b)), `${what}[${i}]: ${a}, not ${b}`);
  }
}

function assertThrows(run: () => unknown, kind: typeof TypeError | typeof RangeError, message: RegExp): void {
  try {
    run();
  } catch (error) {
    assert(error instanceof kind && message.test(error.message), `threw ${error}`);
    return;
  }
  throw new Error(`expected ${kind.name} ${message}, nothing was thrown`);
}

function forwardAndBackward(kernels: Kernels, name: (typeof NORMS)[number], tolerance?: number): void {
  for (const size of [3, 64, 100, 257]) {
    const rows = 9;
    const x = numbers(rows * size, size);
    const dy = numbers(rows * size, size + 1);
    const affine = name === "layerNorm" || name === "rmsNorm";
    const params = affine ? { gain: numbers(size, 5), bias: numbers(size, 6) } : {};
    const norm: Norm = kernels[name]({ size });
    const forward = norm.forward(x, params);
    const backward = norm.backward(dy, x, forward, params);
    const wanted = reference.forward(name, x, { size, ...params });
    const gradients = reference.backward(name, dy, x, { size, ...params });
    assertNear(forward.y, wanted.y, `${name} ${size} y`, tolerance);
    assertNear(forward.mean, wanted.mean, `${name} ${size} mean`, tolerance);
    assertNear(forward.rstd, wanted.rstd, `${name} ${size} rstd`, tolerance);
    assertNear(backward.dx, gradients.dx, `${name} ${size} dx`, tolerance);
    if (affine) {
      assertNear(backward.dGain as Float32Array, gradients.dGain, `${name} ${size} dGain`, tolerance);
      assertNear(backward.dBias as Float32Array, gradients.dBias, `${name} ${size} dBias`, tolerance);
    }
  }
}

/** The same bytes from matrices as from arrays, in place or not, and while the memory grows. */
function matricesAndGrowth(kernels: Kernels): void {
  const size = 768;
  const x = numbers(32 * size, 1);
  const norm = kernels.adaNorm({ size });
  const { y } = norm.forward(x);
  const held: Matrix[] = [];
  const input = kernels.matrix(x, size);
  const before = input.data;
  const { size: sizeBefore } = kernels.memory;
  while (kernels.memory.size < sizeBefore + 2 ** 22) held.push(kernels.matrix(64, size));
  assert(before.length === 0, "a view from before the memory grew is detached");
  assert(
    input.data.every((value, i) => value === x[i]),
    "a matrix keeps its numbers while the memory grows",
  );
  assertNear(norm.forward(input).y.toArray(), y, "y of a matrix", 0);
  assertNear(norm.forward(input, { out: input }).y.toArray(), y, "y in place", 0);
  for (const matrix of [...held, input]) matrix.free();
  assertThrows(() => input.toArray(), TypeError, /freed/);
}

function specialRows(kernels: Kernels): void {
  const size = 70;
  const x = numbers(4 * size, 3);
  x.fill(1234, 0, size);
  x[size + 2] = Number.NaN;
  x[2 * size + 2] = Number.POSITIVE_INFINITY;
  const { y } = kernels.layerNorm({ size }).forward(x);
  assert(
    y.subarray(0, size).every((value) => value === 0),
    "a constant row is 0",
  );
  assert(
    y.subarray(size, 3 * size).every((value) => Number.isNaN(value)),
    "rows with NaN and infinity are NaN",
  );
  assertNear(y.subarray(3 * size), reference.forward("layerNorm", x.subarray(3 * size), { size }).y, "the row behind");
}

function reductions(kernels: Kernels): void {
  const x = Float32Array.of(1, 2, 3, 4, -1, -2, -3, -4);
  const rows = kernels.rows(4);
  assertNear(rows.sum(x), [10, -10], "sum");
  assertNear(rows.l2(x), [Math.sqrt(30), Math.sqrt(30)], "l2");
  assertNear(rows.max(x), [4, -1], "max");
  assertNear(rows.moments(x, { ddof: 1 }).variance, [5 / 3, 5 / 3], "variance");
}

/** Rows as 8-bit integers and as bits, in arrays and in matrices. */
function fewerBits(kernels: Kernels): void {
  for (const size of [1, 7, 16, 100]) {
    const x = numbers(9 * size, size);
    const rows = kernels.rows(size);
    const matrix = kernels.matrix(x, size);
    for (const scale of [undefined, 1 / 127]) {
      const wanted = reference.int8(x, { size, scale });
      for (const batch of [x, matrix]) {
        const { values, scale: scales } = rows.int8(batch, { scale });
        assertSame(values, wanted.values, `int8 of ${size}`);
        assertSame(scales, wanted.scale, `scales of ${size}`);
      }
    }
    for (const batch of [x, matrix]) assertSame(rows.bits(batch), reference.bits(x, { size }), `bits of ${size}`);
    matrix.free();
  }
}

type Half = "f16" | "bf16";

/** f32 and their 16-bit forms: ties, neighbours of ties, subnormals, and numbers that are too large. */
const ROUNDED: Record<Half, readonly [number, number][]> = {
  f16: [
    [1, 0x3c00],
    [-2.5, 0xc100],
    [-0, 0x8000],
    [2049, 0x6800],
    [2051, 0x6802],
    [2049.001, 0x6801],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [-3e38, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [-1.0001 * 2 ** -25, 0x8001],
    [3 * 2 ** -25, 0x0002],
    [1e-45, 0x0000],
    [Number.POSITIVE_INFINITY, 0x7c00],
  ],
  bf16: [
    [1, 0x3f80],
    [-2.5, 0xc020],
    [-0, 0x8000],
    [257, 0x4380],
    [259, 0x4382],
    [257.0001, 0x4381],
    [3.389e38, 0x7f7f],
    [3.4e38, 0x7f80],
    [-3.4e38, 0xff80],
    [2 ** -126, 0x0080],
    [2 ** -133, 0x0001],
    [2 ** -134, 0x0000],
    [-1.0001 * 2 ** -134, 0x8001],
    [3 * 2 ** -134, 0x0002],
    [1e-45, 0x0000],
    [Number.POSITIVE_INFINITY, 0x7f80],
  ],
};

/** A number by its bits. */
function numberOf(bits: number, dtype: Half): number {
  const [fraction, most] = dtype === "f16" ? [10, 15] : [7, 127];
  const sign = bits < 0x8000 ? 1 : -1;
  const exponent = (bits & 0x7fff) >> fraction;
  const units = bits & (2 ** fraction - 1);
  if (exponent > 2 * most) return units ? Number.NaN : sign / 0;
  const [normal, least] = exponent ? [2 ** fraction, exponent] : [0, 1];
  return sign * (normal + units) * 2 ** (least - most - fraction);
}

function assertSame(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert(actual.length === expected.length, `${what}: ${actual.length} elements, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    assert(Object.is(actual[i], expected[i]), `${what}[${i}]: ${actual[i]}, not ${expected[i]}`);
  }
}

/** Numbers as the bits of a dtype, by way of a matrix. */
function bitsOf(kernels: Kernels, values: Float32Array, dtype: Half): Uint16Array {
  const matrix = kernels.matrix(values, values.length, dtype);
  const bits = matrix.toArray();
  matrix.free();
  return bits;
}

function conversions(kernels: Kernels, dtype: Half): void {
  const pairs = ROUNDED[dtype];
  // In vectors, and in the rest of a row.
  for (const cols of [1, pairs.length]) {
    const matrix = kernels.matrix(
      Float32Array.from(pairs, ([value]) => value),
      cols,
      dtype,
    );
    assertSame(
      matrix.data,
      Array.from(pairs, ([, bits]) => bits),
      `${dtype} from f32, ${cols} to a row`,
    );
    matrix.free();
  }
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
  const matrix = kernels.matrix(all, 256, dtype);
  const numbers = matrix.toFloat32();
  assertSame(
    numbers,
    Array.from(all, (bits) => numberOf(bits, dtype)),
    `f32 from ${dtype}`,
  );
  matrix.free();
  bitsOf(kernels, numbers, dtype).forEach((bits, i) => {
    const wanted = numbers[i] as number;
    const same = Number.isNaN(wanted) ? Number.isNaN(numberOf(bits, dtype)) : bits === i;
    assert(same, `${dtype} ${i} came back as ${bits}`);
  });
}

/** The norms on 16-bit elements, in arrays and in matrices. */
function halves(kernels: Kernels, name: (typeof NORMS)[number], dtype: Half): void {
  // Half a unit in the last place, and some more for dGain and dBias, which are f32.
  const tolerance = dtype === "f16" ? 2 ** -11 + 2 ** -16 : 2 ** -8 + 2 ** -16;
  for (const size of [3, 100]) {
    const rows = 9;
    const [x, dy] = [1, 2].map((seed) => bitsOf(kernels, numbers(rows * size, size + seed), dtype)) as [
      Uint16Array,
      Uint16Array,
    ];
    const decoded = (bits: Uint16Array) => Float32Array.from(bits, (element) => numberOf(element, dtype));
    const affine = name === "layerNorm" || name === "rmsNorm";
    const bias = bitsOf(kernels, numbers(size, 6), dtype);
    const params = affine ? { gain: numbers(size, 5), bias } : {};
    const wide = affine ? { ...params, bias: decoded(bias) } : {};
    const norm: Norm = kernels[name]({ size, dtype });
    const forward = norm.forward(x, params);
    const backward = norm.backward(dy, x, forward, params);
    const wanted = reference.forward(name, decoded(x), { size, ...wide });
    const gradients = reference.backward(name, decoded(dy), decoded(x), { size, ...wide });
    const what = `${name} of ${dtype}, ${size}:`;
    assertNear(decoded(forward.y), wanted.y, `${what} y`, tolerance);
    assertNear(forward.rstd, wanted.rstd, `${what} rstd`);
    assertNear(decoded(backward.dx), gradients.dx, `${what} dx`, tolerance);
    if (affine) assertNear(backward.dGain as Float32Array, gradients.dGain, `${what} dGain`);

    const matrices = [x, dy].map((bits) => kernels.matrix(bits, size, dtype)) as [Matrix<Half>, Matrix<Half>];
    const result = norm.forward(matrices[0], params);
    const gradient = norm.backward(matrices[1], matrices[0], result, params);
    assertSame(result.y.data, forward.y, `${what} y of a matrix`);
    assertSame(gradient.dx.data, backward.dx, `${what} dx of a matrix`);
    assertSame(result.y.toFloat32(), decoded(forward.y), `${what} y of a matrix, as f32`);
    for (const matrix of [...matrices, result.y, gradient.dx]) matrix.free();
  }
}

/** A Float16Array, if the runtime has it, gives the same as a Uint16Array of its bits. */
function float16Arrays(kernels: Kernels): void {
  const { Float16Array } = globalThis as { Float16Array?: { from(values: Float32Array): Uint16Array } };
  if (!Float16Array) return;
  const size = 50;
  const x = numbers(4 * size, 7);
  const half = Float16Array.from(x);
  const bits = bitsOf(kernels, x, "f16");
  const bitsIn = (array: Uint16Array) => new Uint16Array(array.buffer, array.byteOffset, array.length);
  assertSame(bitsIn(half), bits, "the engine's halves");
  const norm = kernels.adaNorm({ size, dtype: "f16" });
  const [given, wanted] = [norm.forward(half, { residual: half }), norm.forward(bits, { residual: bits })];
  for (const [got, want, what] of [
    [given.y, wanted.y, "y"],
    [given.sum, wanted.sum, "sum"],
    [norm.backward(half, half).dx, norm.backward(bits, bits).dx, "dx"],
  ] as const) {
    assert(got.constructor === half.constructor, `${what} of a Float16Array is a ${got.constructor.name}`);
    assertSame(bitsIn(got), want, `${what} of a Float16Array`);
  }
  const matrix = kernels.matrix(half, size);
  assert(matrix.dtype === "f16", `a matrix from a Float16Array is of ${matrix.dtype}`);
  assertSame(matrix.toFloat32(), Float32Array.from(half), "a matrix from a Float16Array");
  matrix.free();
}

/** Forward adds the residual to x, and backward adds dSum to dx. */
function residuals(kernels: Kernels, dtype: "f32" | Half): void {
  const size = 100;
  const batch = (seed: number) => {
    const values = numbers(5 * size, seed);
    return dtype === "f32" ? values : bitsOf(kernels, values, dtype);
  };
  const decoded = (elements: Float32Array | Uint16Array) =>
    dtype === "f32" ? (elements as Float32Array) : Float32Array.from(elements, (bits) => numberOf(bits, dtype));
  const [x, residual, dy, dSum] = [1, 2, 3, 4].map(batch) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const norm = kernels.rmsNorm({ size, dtype });
  const { sum, y, mean, rstd } = norm.forward(x, { residual });
  // The sum of two such numbers is exact in f32, or rounded to it.
  const added = decoded(x).map((value, i) => value + (decoded(residual)[i] as number));
  assertSame(sum, dtype === "f32" ? added : bitsOf(kernels, added, dtype), `${dtype}: x + residual`);
  assertSame(norm.forward(sum).y, y, `${dtype}: y of the sum`);
  const { dx } = norm.backward(dy, sum, { mean, rstd }, { dSum });
  const gradient = reference.backward("rmsNorm", decoded(dy), decoded(sum), { size }).dx;
  const total = gradient.map((value, i) => value + (decoded(dSum)[i] as number));
  const tolerance = { f32: 16 * ULP, f16: 2 ** -11 + 2 ** -16, bf16: 2 ** -8 + 2 ** -16 }[dtype];
  assertNear(decoded(dx), total, `${dtype}: dx + dSum`, tolerance);
  // In place, in matrices.
  const stored = (elements: Float32Array) => kernels.matrix(elements, size, dtype) as Matrix;
  const [a, b, c, d] = [x, residual, dy, dSum].map(stored) as [Matrix, Matrix, Matrix, Matrix];
  const stats = norm.forward(a, { residual: b, sum: a, out: b });
  assertSame(a.data, sum, `${dtype}: x + residual in place`);
  assertSame(b.data, y, `${dtype}: y in place`);
  norm.backward(c, a, stats, { dSum: d, out: { dx: d } });
  assertSame(d.data, dx, `${dtype}: dx + dSum in place`);
  for (const matrix of [a, b, c, d]) matrix.free();
}

/** More rows than one tile holds, with room between them: the same results, and nothing else changes. */
function rowStrides(kernels: Kernels, dtype: "f32" | Half): void {
  const [rows, size, stride] = [5000, 10, 16];
  const batch = (seed: number) => {
    const values = numbers(rows * size, seed);
    return (dtype === "f32" ? values : bitsOf(kernels, values, dtype)) as Float32Array;
  };
  const spread = (elements: Float32Array) => {
    const room = new (elements.constructor as typeof Float32Array)(rows * stride).fill(9);
    for (let row = 0; row < rows; row++) room.set(elements.subarray(row * size, (row + 1) * size), row * stride);
    return room;
  };
  const [x, dy] = [batch(1), batch(2)];
  const norm = kernels.layerNorm({ size, dtype });
  const forward = norm.forward(x);
  const { dx } = norm.backward(dy, x, forward);
  const [wideX, wideDy] = [spread(x), spread(dy)];
  const out = spread(x);
  norm.forward(wideX, { out, rowStride: stride });
  assertSame(out, spread(forward.y), `${dtype}: y with rows apart`);
  norm.backward(wideDy, wideX, forward, { out: { dx: wideDy }, rowStride: stride });
  assertSame(wideDy, spread(dx), `${dtype}: dx with rows apart, in place`);
  assertSame(norm.forward(wideX, { rowStride: { x: stride } }).y, forward.y, `${dtype}: y of rows apart`);
  const matrix = kernels.matrix(wideX, stride, dtype) as Matrix;
  norm.forward(matrix, { out: matrix, rowStride: stride });
  assertSame(matrix.data, spread(forward.y), `${dtype}: y with rows apart in a matrix`);
  matrix.free();
}

/** What the host prints of an object, if it has a function that tells; its name where it has none, as in browsers. */
function printed(value: object): string {
  const { Deno, Bun, process } = globalThis as {
    [Host in "Deno" | "Bun"]?: { inspect(value: object): string };
  } & { process?: { getBuiltinModule?(name: string): { inspect(value: object): string } } };
  const inspect = Deno?.inspect ?? Bun?.inspect ?? process?.getBuiltinModule?.("node:util")?.inspect;
  return inspect ? inspect(value) : value.constructor.name;
}

function consoles(kernels: Kernels): void {
  const matrix = kernels.matrix(2, 3);
  const norm = kernels.layerNorm({ size: 3 });
  const call = norm.prepareForward(matrix);
  const kinds = { Kernels: kernels, Norm: norm, Rows: kernels.rows(3), Matrix: matrix, Prepared: call };
  for (const [kind, value] of Object.entries(kinds)) {
    assert(printed(value).startsWith(kind), `a ${kind} is printed as ${printed(value)}`);
    assert(String(value) === `[object ${kind}]`, `a ${kind} is ${value} as a string`);
  }
  const text = printed(matrix);
  assert(text === "Matrix" || /rows: 2,\s+cols: 3,\s+dtype: .f32./.test(text), `a Matrix is printed as ${text}`);
  call.free();
  matrix.free();
}

function errors(kernels: Kernels): void {
  const norm = kernels.layerNorm({ size: 4 });
  assertThrows(
    () => norm.forward(new Float32Array(6)),
    RangeError,
    /layerNorm\.forward: x: .* multiple of size 4, got 6/,
  );
  assertThrows(
    // biome-ignore lint/suspicious/noExplicitAny: callers without types may pass anything
    () => norm.forward([1, 2, 3, 4] as any),
    TypeError,
    /x: expected a Float32Array or a Matrix, got an Array/,
  );
  assertThrows(() => kernels.layerNorm({ size: 0 }), RangeError, /size: expected an integer >= 1, got 0/);
}

async function outOfMemory(): Promise<void> {
  const kernels = await adanorm.load({ maximumBytes: 2 ** 20 });
  assertThrows(() => kernels.matrix(1000, 1000), RangeError, /memory: expected room for \d+ bytes/);
  forwardAndBackward(kernels, "layerNorm");
}

/** Whether loadSync works here. Hosts that forbid compiling on this thread throw; no other failure is allowed. */
function trySync(): boolean {
  try {
    adanorm.loadSync();
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof RangeError) return false;
    throw error;
  }
}

/** Runs all tests, even if some of them fail. */
export async function runSuite(host: Host = {}): Promise<Report> {
  const tally = new Tally();
  const { test } = tally;
  const { failed } = tally;
  const report: Report = { passed: 0, failed, digest: undefined, relaxedSimd: false, sync: false, threads: false };
  let kernels: Kernels | undefined;
  await test("load", async () => {
    kernels = await adanorm.load();
    assert(kernels.simd === "simd128", `the default build is ${kernels.simd}`);
  });
  const loaded = kernels;
  if (!loaded) return report;
  for (const name of NORMS) await test(name, () => forwardAndBackward(loaded, name));
  await test("matrices and growth", () => matricesAndGrowth(loaded));
  await test("special rows", () => specialRows(loaded));
  await test("row reductions", () => reductions(loaded));
  await test("rows in fewer bits", () => fewerBits(loaded));
  for (const dtype of ["f16", "bf16"] as const) {
    await test(`${dtype} to f32 and back`, () => conversions(loaded, dtype));
    for (const name of NORMS) await test(`${name} of ${dtype}`, () => halves(loaded, name, dtype));
  }
  await test("Float16Array", () => float16Arrays(loaded));
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    await test(`residuals of ${dtype}`, () => residuals(loaded, dtype));
    await test(`rows apart of ${dtype}`, () => rowStrides(loaded, dtype));
  }
  await test("consoles", () => consoles(loaded));
  await test("errors", () => errors(loaded));
  await test("out of memory", outOfMemory);
  await test("loadSync", () => {
    report.sync = trySync();
  });
  for (const kind of ["module", "bytes"] as const) {
    const module = host[kind];
    if (module) await test(`load({ module }), given ${kind}`, async () => specialRows(await adanorm.load({ module })));
  }
  await test("relaxed SIMD, or the portable build where there is none", async () => {
    const relaxed = await adanorm.load({ relaxedSimd: true });
    report.relaxedSimd = relaxed.simd === "relaxed-simd";
    for (const name of NORMS) forwardAndBackward(relaxed, name, 64 * ULP);
  });
  await test("the digest", async () => {
    report.digest = await digest(loaded, "arrays");
    for (const route of ["matrices", "strided arrays"] as const) {
      const other = await digest(loaded, route);
      assert(JSON.stringify(other) === JSON.stringify(report.digest), `${route} give the same bytes as arrays`);
    }
  });
  await test("threads, where the host has them", async () => {
    report.threads = await hasThreads();
    assert(report.threads === Boolean(host.limits), report.threads ? "it has them" : "it has none");
  });
  await (host.limits ? testThreads(test, host.limits) : testOneThread(test));
  return { ...report, passed: tally.passed };
}
