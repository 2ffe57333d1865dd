/**
 * Engines that lack what others have: workerd of earlier compatibility dates has no FinalizationRegistry, Safari no
 * `Symbol.dispose`. The package asks for both when it is loaded, so this file takes them away first, and loads it then.
 */
import { afterAll, beforeAll, expect, test } from "vitest";

const { FinalizationRegistry: Registry, Symbol: Original } = globalThis;
let kernels: import("adanorm").Kernels;

/** All of `Symbol` but one property, which engines do not let go of. */
const withoutDispose = new Proxy(() => {}, {
  apply: (_, __, args) => Original(...args),
  get: (_, name) => (name === "dispose" ? undefined : Reflect.get(Original, name)),
});

beforeAll(async () => {
  Object.assign(globalThis, { FinalizationRegistry: undefined, Symbol: withoutDispose });
  try {
    kernels = (await import("adanorm")).loadSync();
  } finally {
    Object.assign(globalThis, { Symbol: Original });
  }
});

afterAll(() => {
  Object.assign(globalThis, { FinalizationRegistry: Registry });
});

test("without FinalizationRegistry, matrices live until they are freed by hand", () => {
  const matrix = kernels.matrix(Float32Array.of(1, 2, 3, 6), 4);
  const { y } = kernels.layerNormSimple({ size: 4, eps: 0 }).forward(matrix);
  expect(kernels.memory.used).toBe(32);
  expect(y.data[0]).toBeLessThan(0);
  for (const one of [matrix, y]) one.free();
  expect(kernels.memory.used).toBe(0);
});

test("without FinalizationRegistry, threads live until they are closed by hand", async () => {
  const { load } = await import("adanorm");
  const threaded = await load({ threads: 2 });
  expect(threaded.threads).toBe(2);
  threaded.close();
  expect(threaded.threads).toBe(1);
});

test("without Symbol.dispose, matrices are disposed of by the symbol that compilers of `using` fall back on", () => {
  const matrix = kernels.matrix(1, 4) as unknown as Record<symbol, () => void>;
  matrix[Symbol.for("Symbol.dispose")]?.();
  expect(kernels.memory.used).toBe(0);
});
