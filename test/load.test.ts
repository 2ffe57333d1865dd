/** Loading: instances, the relaxed build, the host's own module. */
import { readFileSync } from "node:fs";
import { type Kernels, load, loadSync } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, it } from "vitest";
import { enableRelaxedSimd } from "./relaxed-flag.ts";
import { backwardBounds, expectWithin, forwardBounds, hasParams, makeNorm, NORMS, normal } from "./support.ts";

const wasm = (name: string) => readFileSync(new URL(`../build/${name}`, import.meta.url));
const size = 100;
const x = normal(8 * size, 1);

function works(kernels: Kernels): void {
  const { y } = kernels.layerNormSimple({ size }).forward(x);
  const want = reference.forward("layerNormSimple", x, { size });
  expectWithin(y, want.y, forwardBounds("layerNormSimple", x, { size }), "y");
}

describe("load and loadSync", () => {
  it("give working kernels, the portable build by default", async () => {
    for (const kernels of [await load(), loadSync()]) {
      expect(kernels.simd).toBe("simd128");
      works(kernels);
    }
  });

  it("compile the module once, however often they are called", async () => {
    await load();
    loadSync();
    const { Module, compile } = WebAssembly;
    const refuse = () => {
      throw new Error("compiled again");
    };
    Object.assign(WebAssembly, { Module: refuse, compile: refuse });
    try {
      for (const kernels of [await load(), loadSync()]) works(kernels);
    } finally {
      Object.assign(WebAssembly, { Module, compile });
    }
  });

  it("give every instance a memory of its own", async () => {
    const [first, second] = [await load(), await load()];
    const matrix = first.matrix(x, size);
    second.matrix(8, size).data.fill(7);
    expect(matrix.toArray()).toEqual(x);
    expect(second.memory.used).toBe(first.memory.used);
  });

  it("leave alone what Node makes on demand, and takes its time for: Response loads all of fetch", async () => {
    const response = Object.getOwnPropertyDescriptor(globalThis, "Response") as PropertyDescriptor;
    const touched: string[] = [];
    Object.defineProperty(globalThis, "Response", { configurable: true, get: () => touched.push("Response") });
    try {
      for (const kernels of [await load(), loadSync()]) works(kernels);
    } finally {
      Object.defineProperty(globalThis, "Response", response);
    }
    expect(touched).toEqual([]);
  });

  it.each([
    ["bytes", wasm("adanorm.wasm")],
    ["an ArrayBuffer", Uint8Array.from(wasm("adanorm.wasm")).buffer],
    ["a module", new WebAssembly.Module(wasm("adanorm.wasm"))],
  ])("take the host's own: %s", async (_kind, module) => {
    works(await load({ module }));
    works(loadSync({ module }));
  });
});

describe("a module of somebody else", () => {
  const head = [0, 97, 115, 109, 1, 0, 0, 0];
  // A memory of one page, exported as m and as n.
  const memory = [5, 3, 1, 0, 1, 7, 9, 2, 1, 109, 2, 0, 1, 110, 2, 0];
  /** The same under one name. */
  const memoryAs = (name: string) => [
    ...[5, 3, 1, 0, 1, 7, name.length + 4, 1, name.length],
    ...Array.from(name, (letter) => letter.charCodeAt(0)),
    ...[2, 0],
  ];

  it.each([
    ["nothing", head],
    ["m, n", [...head, ...memory]],
    ["affineForward", [...head, ...memoryAs("affineForward")]],
    ["isRelaxed", [...head, ...memoryAs("isRelaxed")]],
  ])("is refused, with what it exports: %s", async (exported, bytes) => {
    const module = Uint8Array.from(bytes);
    const message = (call: string) => `${call}: module: expected adanorm's module, got one that exports ${exported}`;
    await expect(load({ module })).rejects.toThrow(new TypeError(message("load")));
    expect(() => loadSync({ module })).toThrow(new TypeError(message("loadSync")));
  });
});

it("an error of the module other than a lack of memory passes through as it is", () => {
  const name = (text: string) =>
    [text.length, ...text].map((one) => (typeof one === "number" ? one : one.charCodeAt(0)));
  const exported = ["columnSums", "isRelaxed", "alloc", "free"].flatMap((text) => [...name(text), 0, 0]);
  // One function under all the names, which calls itself without end.
  const module = Uint8Array.from([
    ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
    ...[1, 6, 1, 96, 1, 127, 1, 127], // types: one function of an i32, with an i32 as its result
    ...[3, 2, 1, 0], // functions: one, of that type
    ...[7, exported.length + 1, 4, ...exported], // exports
    ...[10, 8, 1, 6, 0, 32, 0, 16, 0, 11], // code: local.get 0  call 0
  ]);
  const kernels = loadSync({ module });
  expect(() => kernels.matrix(1, 4)).toThrow(/^(?!matrix: memory)/);
  expect(kernels.memory.used).toBe(0);
});

it("an error of the module's imports passes through as it is", async () => {
  // Asks for a global in place of the memory, and exports it under the names that are looked for.
  const name = (text: string) => [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))];
  const exported = ["columnSums", "isRelaxed"].flatMap((text) => [...name(text), 3, 0]);
  const imported = [...name("env"), ...name("memory"), 3, 127, 0];
  const module = Uint8Array.from([
    ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
    ...[2, imported.length + 1, 1, ...imported], // imports: an i32
    ...[7, exported.length + 1, 2, ...exported], // exports
  ]);
  await expect(load({ module })).rejects.toThrow(WebAssembly.LinkError);
  expect(() => loadSync({ module })).toThrow(WebAssembly.LinkError);
});

describe("relaxedSimd", () => {
  it("falls back on the portable build where the engine lacks it", async () => {
    const { validate } = WebAssembly;
    WebAssembly.validate = () => false;
    try {
      const kernels = await load({ relaxedSimd: true });
      expect(kernels.simd).toBe("simd128");
      works(kernels);
    } finally {
      WebAssembly.validate = validate;
    }
  });

  it("runs the relaxed build where the engine has it, within the bounds of the portable one", async () => {
    enableRelaxedSimd();
    const kernels = await load({ relaxedSimd: true });
    expect(kernels.simd).toBe("relaxed-simd");
    const dy = normal(x.length, 2);
    const [gain, bias] = [normal(size, 3), normal(size, 4)];
    for (const name of NORMS) {
      const params = hasParams(name) ? { gain, bias } : {};
      const options = { size, ...params };
      const norm = makeNorm(kernels, name, { size });
      const forward = norm.forward(x, params);
      const backward = norm.backward(dy, x, forward, params);
      const bounds = backwardBounds(name, dy, x, options);
      const want = reference.backward(name, dy, x, options);
      expectWithin(forward.y, reference.forward(name, x, options).y, forwardBounds(name, x, options), `${name}: y`);
      expectWithin(backward.dx, want.dx, bounds.dx, `${name}: dx`);
      if (backward.dGain) expectWithin(backward.dGain as Float32Array, want.dGain, bounds.dGain, `${name}: dGain`);
    }
  });

  it("is told by the module itself where the host supplies one", () => {
    enableRelaxedSimd();
    expect(loadSync({ module: wasm("adanorm.relaxed.wasm") }).simd).toBe("relaxed-simd");
  });

  it("has no effect on loadSync, which has the portable build alone", () => {
    expect(loadSync({ relaxedSimd: true }).simd).toBe("simd128");
  });
});

it("takes a module from any view or buffer of its bytes, and refuses those whose bytes are gone", async () => {
  const file = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));
  const bytes = Uint8Array.from(file);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const sources = [
    bytes,
    bytes.buffer,
    new DataView(bytes.buffer),
    shared,
    shared.buffer,
    new WebAssembly.Module(bytes),
  ];
  for (const module of sources) {
    for (const make of [load, loadSync]) expect((await make({ module: module as ArrayBuffer })).memory.used).toBe(0);
  }
  structuredClone(bytes, { transfer: [bytes.buffer] });
  const proxy = new Proxy(new WebAssembly.Module(file), {});
  // What only calls itself a buffer, or nearly so.
  const forged = ["ArrayBuffer] or not", "[object ArrayBuffer"].map((tag) => ({ [Symbol.toStringTag]: tag }));
  for (const module of [bytes, bytes.buffer, proxy, ...(forged as unknown as ArrayBuffer[])]) {
    expect(() => loadSync({ module })).toThrow("loadSync: module: expected a WebAssembly.Module or its bytes, got");
    if (module !== bytes) continue;
    await expect(load({ module })).rejects.toThrow("load: module: expected");
  }
});
