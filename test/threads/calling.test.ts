/** The calling thread: what it does alone, as the main thread of a page, and with workers of the web's API. */

import { readFile } from "node:fs/promises";
import type { Worker } from "node:worker_threads";
import { type Kernels, type LoadOptions, loadSync } from "adanorm";
import { load as loadByUrl } from "adanorm/url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../build/threads.js";
import { expectSameBytes, normal } from "../support.ts";
import { loadThreads, shareAll, THREAD, untilAlone, workerAfter } from "./support.ts";

const alone = loadSync();

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Results of a few calls on so many rows. */
function resultsOf(kernels: Kernels, rows: number, size: number): Float32Array[] {
  const make = (seed: number) => kernels.matrix(normal(rows * size, seed), size);
  const [x, dy, gain] = [make(1), make(2), kernels.matrix(normal(size, 3), size)];
  const ada = kernels.adaNorm({ size });
  const layer = kernels.layerNorm({ size });
  const { y } = ada.forward(x);
  const { dx } = ada.backward(dy, x);
  const sums = layer.backward(dy, x, undefined, { gain });
  const { values } = kernels.rows(size).int8(x);
  const over = ada.forward(x, { out: x });
  const results = [y, dx, sums.dx, sums.dGain, over.y].map((one) => (one as typeof x).toArray() as Float32Array);
  results.push(Float32Array.from(values), Float32Array.from(kernels.rows(size).bits(dy)));
  for (const one of [x, dy, gain, y, dx, sums.dx, sums.dGain]) (one as typeof x).free();
  return results;
}

function expectResults(kernels: Kernels, rows = 300, size = 40): void {
  const wanted = resultsOf(loadSync(), rows, size);
  for (const [i, values] of resultsOf(kernels, rows, size).entries()) {
    expectSameBytes(values, wanted[i] as Float32Array, `${i}`);
  }
}

describe("calls that are not shared give the same bytes:", () => {
  it("one row", async () => {
    const kernels = await loadThreads(2);
    shareAll();
    expectResults(kernels, 1);
  });

  it("fewer rows than make two blocks", async () => {
    const kernels = await loadThreads(2);
    shareAll();
    LIMITS.block = 1e6;
    expectResults(kernels);
  });

  it("more memory than tasks may have", async () => {
    const kernels = await loadThreads(2);
    shareAll();
    LIMITS.room = 0;
    expectResults(kernels);
  });

  it("no memory for what tasks need", async () => {
    const kernels = await loadThreads(2, { maximumBytes: 3 * 2 ** 20 });
    shareAll();
    const [rows, size] = [140, 700];
    const x = kernels.matrix(normal(rows * size, 1), size);
    const [dy, dx] = [kernels.matrix(normal(rows * size, 2), size), kernels.matrix(rows, size)];
    const gain = kernels.matrix(normal(size, 3), size);
    const out = { dx, dGain: kernels.matrix(1, size) };
    const norm = kernels.layerNorm({ size });
    norm.backward(dy, x, undefined, { gain, out });
    const wanted = [dx.toArray(), out.dGain.toArray()] as [Float32Array, Float32Array];
    for (const length of [4096, 256, 1]) {
      expect(() => {
        for (;;) kernels.matrix(1, length);
      }).toThrow(RangeError);
    }
    norm.backward(dy, x, undefined, { gain, out });
    expectSameBytes(dx.toArray() as Float32Array, wanted[0]);
    expectSameBytes(out.dGain.toArray() as Float32Array, wanted[1]);
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

it("memory that tasks have kept is given up for what a call allocates", async () => {
  const [rows, size] = [200, 256];
  /** The bytes of matrices that the memory takes after forward, over its input or not. */
  async function roomAfter(isOver: boolean): Promise<number> {
    const kernels = await loadThreads(2, { maximumBytes: 4 * 2 ** 20 });
    shareAll();
    // Two blocks, whose rows are copied before they are overwritten.
    LIMITS.block = (rows / 2) * size;
    const [x, y] = [kernels.matrix(normal(rows * size, 1), size), kernels.matrix(rows, size)];
    kernels.adaNorm({ size }).forward(x, { out: isOver ? x : y });
    expect(() => {
      for (;;) kernels.matrix(1, size);
    }).toThrow(RangeError);
    return kernels.memory.used;
  }
  const [before, after] = [await roomAfter(false), await roomAfter(true)];
  expect(Math.abs(before - after)).toBeLessThan((rows * size * 4) / 4);
});

it("memory that tasks needed is given back where it is much", async () => {
  const kernels = await loadThreads(2);
  shareAll();
  LIMITS.kept = 0;
  const { size } = kernels.memory;
  for (let i = 0; i < 10; i++) expectResults(kernels, 300, 200 + i);
  expect(kernels.memory.size).toBeLessThan(size + 2 ** 22);
});

describe("as the main thread of a page", () => {
  it("it never sleeps, also where a thread dies", async () => {
    vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context");
    });
    const prelude = `
      const original = Atomics.add;
      let times = 0;
      Atomics.add = (...values) => (++times === 3 ? process.exit() : original(...values));`;
    const kernels = await loadThreads(2, { createWorker: () => workerAfter(prelude) });
    shareAll();
    await untilAlone(kernels, () => expectResults(kernels));
  });
});

/** A worker with the events of the web's API. */
function webWorker(worker: Worker) {
  return {
    postMessage: (message: unknown) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
    addEventListener(type: string, listener: (event: object) => void) {
      const names: Record<string, string> = { close: "exit" };
      worker.on(names[type] ?? type, (data: unknown) => listener({ data, preventDefault() {} }));
    },
  };
}

describe("workers of the web's API", () => {
  it("are threads, whoever makes them", async () => {
    const { Worker: NodeWorker } = await import("node:worker_threads");
    const made: Worker[] = [];
    vi.stubGlobal(
      "Worker",
      class {
        constructor() {
          const worker = new NodeWorker(THREAD, { execArgv: [] });
          made.push(worker);
          Object.assign(this, webWorker(worker));
        }
      },
    );
    const kernels = await loadThreads(3);
    expect(made.length).toBe(2);
    shareAll();
    expectResults(kernels);
    const createWorker = () =>
      webWorker(workerAfter("require('node:worker_threads').parentPort.postMessage('another message');"));
    const others = await loadThreads(2, { createWorker });
    shareAll();
    expectResults(others);
  });

  it("that a policy forbids are done without", async () => {
    vi.stubGlobal(
      "Worker",
      class {
        constructor() {
          throw new Error("forbidden");
        }
      },
    );
    await expect(loadThreads(2)).rejects.toThrow("there are 1");
  });

  it("that fail are done without", async () => {
    const { Worker: NodeWorker } = await import("node:worker_threads");
    const createWorker = () => webWorker(new NodeWorker("throw new Error('no such file')", { eval: true }));
    await expect(loadThreads(2, { createWorker } as LoadOptions)).rejects.toThrow("there are 1");
  });
});

it("adanorm/url fetches the build for shared memory", async () => {
  const urls: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    urls.push(url);
    return new Response(
      new Uint8Array(await readFile(new URL(`../../build/${url.split("/").at(-1)}`, import.meta.url))),
    );
  });
  const kernels = await loadByUrl({ threads: 2 });
  shareAll();
  expect(kernels.threads).toBe(2);
  expectResults(kernels);
  kernels.close();
  const all = await loadByUrl({ threads: 2, url: "https://example.com/adanorm.shared.wasm" });
  expect(all.threads).toBe(2);
  expectResults(all);
  all.close();
  expect(urls.map((url) => url.split("/").at(-1))).toContain("adanorm.shared.wasm");
});
