/**
 * What must hold wherever the package runs: one suite, for every runtime, on the package as it is published. Uses nothing but
 * the package and what all runtimes have, and reports instead of throwing, so that a report can come from a page or a worker.
 */

import type { Kernels, Matrix } from "adanorm";
import * as adanorm from "adanorm";
import * as reference from "adanorm/reference";
import { type Digests, digest } from "../digest.ts";

export interface Report {
  passed: number;
  failed: { name: string; error: string }[];
  /** The digest of all results, by arrays. Undefined where it could not be had. */
  digest: Digests | undefined;
  /** Whether load({ relaxedSimd: true }) gives the relaxed build here. */
  relaxedSimd: boolean;
  /** Whether loadSync may compile here. */
  sync: boolean;
}

export interface Host {
  /** The bytes of the portable module, where the host has a way to give them and lets them be compiled. */
  bytes?: ArrayBuffer;
  /** A module that the host compiled. */
  module?: WebAssembly.Module;
}

const NORMS = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm"] as const;
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

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Far wider than the error bounds, which are tested elsewhere: here it is whether the right thing comes out at all. */
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
    const norm = kernels[name]({ size });
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

function errors(kernels: Kernels): void {
  const norm = kernels.layerNorm({ size: 4 });
  assertThrows(
    () => norm.forward(new Float32Array(6)),
    RangeError,
    /layerNorm\.forward: x: .* multiple of size 4, got 6/,
  );
  assertThrows(
    // biome-ignore lint/suspicious/noExplicitAny: what callers without types may hand over
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

/** Whether loadSync works here; hosts that forbid to compile on this thread throw, and nothing else may go wrong. */
function trySync(): boolean {
  try {
    adanorm.loadSync();
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof RangeError) return false;
    throw error;
  }
}

/** Runs everything; a test that fails does not keep the others from running. */
export async function runSuite(host: Host = {}): Promise<Report> {
  const report: Report = { passed: 0, failed: [], digest: undefined, relaxedSimd: false, sync: false };
  const test = async (name: string, body: () => unknown) => {
    try {
      await body();
      report.passed += 1;
    } catch (error) {
      report.failed.push({ name, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  };
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
    const matrices = await digest(loaded, "matrices");
    assert(JSON.stringify(matrices) === JSON.stringify(report.digest), "arrays and matrices give the same bytes");
  });
  return report;
}
