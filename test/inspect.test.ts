/** What consoles show of the package's objects: what a user can know of them, and never an error. */
import { inspect } from "node:util";
import { loadSync } from "adanorm";
import { describe, expect, test } from "vitest";
import { makeNorm } from "./support.js";

const kernels = loadSync();
const x = Float32Array.of(1, 2, 3, 4, 10, 20, 30, 50);
/** One line each, however long. */
const shown = (value: unknown, options = {}) => inspect(value, { breakLength: Number.POSITIVE_INFINITY, ...options });

test("kernels: the build, the threads, the memory", () => {
  const { used, size } = kernels.memory;
  expect(shown(kernels)).toBe(`Kernels { simd: 'simd128', threads: 1, memory: { used: ${used}, size: ${size} } }`);
});

describe("a norm: its name, and the options that have an effect on it", () => {
  const stats = "epsAt: 'std', ddof: 1, detachMean: false, detachStd: true";
  const scale = "scale: 2, k: 0.3, detachScale: false";
  test.each([
    ["layerNorm", `eps: 0.5, ${stats}`],
    ["layerNormSimple", `eps: 0.5, ${stats}`],
    ["detachNorm", `eps: 0.5, ${stats}`],
    ["adaNorm", `eps: 0.5, ${stats}, ${scale}`],
    ["rmsNorm", "eps: 0.5, epsAt: 'std', detachStd: true"],
    ["l2Norm", "eps: 0.5, detachStd: true"],
  ] as const)("%s", (name, options) => {
    const given = {
      epsAt: "std",
      ddof: 1,
      detachMean: false,
      detachStd: true,
      scale: 2,
      k: 0.3,
      detachScale: false,
    } as const;
    const norm = makeNorm(kernels, name, { size: 4, dtype: "bf16", eps: 0.5, ...given });
    expect(shown(norm)).toBe(`Norm { name: '${name}', size: 4, dtype: 'bf16', ${options} }`);
  });
});

test("rows: size and storage", () => {
  expect(shown(kernels.rows(4, { dtype: "f16" }))).toBe("Rows { size: 4, dtype: 'f16' }");
});

test("a matrix: its shape and its elements; and that it was freed", () => {
  const matrix = kernels.matrix(Float32Array.of(1, 2, 3, 4, 5, 6), 3);
  expect(shown(matrix)).toBe("Matrix { rows: 2, cols: 3, dtype: 'f32', data: Float32Array(6) [ 1, 2, 3, 4, 5, 6 ] }");
  matrix.free();
  expect(shown(matrix)).toBe("Matrix { rows: 2, cols: 3, dtype: 'f32', freed: true }");
});

test("a prepared call: what it calls, and its results; and that it was freed", () => {
  const matrix = kernels.matrix(x, 4);
  const call = kernels.layerNorm({ size: 4 }).prepareForward(matrix, { out: matrix });
  const y = "Matrix { rows: 2, cols: 4, dtype: 'f32', data: [Float32Array] }";
  expect(shown(call)).toBe(
    `Prepared { call: 'layerNorm.prepareForward', rows: 2, result: { y: ${y}, mean: [Getter], rstd: [Getter] } }`,
  );
  const backward = kernels.adaNorm({ size: 4 }).prepareBackward(matrix, matrix, call);
  expect(shown(backward)).toContain("Prepared { call: 'adaNorm.prepareBackward', rows: 2, result: { dx: Matrix {");
  call.free();
  expect(shown(call)).toBe("Prepared { call: 'layerNorm.prepareForward', rows: 2, freed: true }");
});

test("deep inside other objects, only its name", () => {
  const matrix = kernels.matrix(x, 4);
  expect(shown({ a: { b: { matrix } } }, { depth: 2 })).toBe("{ a: { b: { matrix: [Matrix] } } }");
  expect(shown({ a: { matrix } }, { depth: null })).toMatch(/matrix: Matrix \{\s+rows: 2,/);
});

test("a Proxy and a prototype have nothing to show, and do not throw", () => {
  for (const [kind, value] of Object.entries({
    Kernels: kernels,
    Norm: kernels.l2Norm({ size: 4 }),
    Matrix: kernels.matrix(1, 4),
  })) {
    expect(shown(new Proxy<object>(value, {}))).toBe(`[${kind}]`);
    expect(shown(Object.getPrototypeOf(value))).toContain(`[${kind}]`);
  }
});

test("printing allocates nothing and changes nothing", () => {
  const matrix = kernels.matrix(x, 4);
  const before = [kernels.memory, matrix.toArray()];
  shown([kernels, matrix]);
  expect([kernels.memory, matrix.toArray()]).toEqual(before);
});

test("what a caller assigns to a class or a prototype changes no name", () => {
  const matrix = kernels.matrix(1, 4);
  const prototype = Object.getPrototypeOf(matrix);
  for (const [on, name] of [
    [prototype, Symbol.toStringTag],
    [prototype.constructor, "name"],
  ]) {
    expect(() => {
      on[name] = "Other";
    }).toThrow(TypeError);
  }
  expect(String(matrix)).toBe("[object Matrix]");
});
