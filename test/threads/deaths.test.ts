/** Threads that die: nothing is lost, wherever they were. */
import type { Worker } from "node:worker_threads";
import { type Kernels, loadSync } from "adanorm";
import { describe, expect, it, vi } from "vitest";
import { CALL } from "../../src/layout.ts";
import { STATE } from "../../src/threads/control.ts";
import { expectSameBytes, normal, random } from "../support.ts";
import { loadThreads, shareAll, untilAlone, workerAfter } from "./support.ts";

const alone = loadSync();
const SIZE = 100;
const ROWS = 400;

/** Calls that read only their inputs, that overwrite them, and that sum columns. */
function resultsOf(kernels: Kernels): Float32Array[] {
  const make = (seed: number) => kernels.matrix(normal(ROWS * SIZE, seed), SIZE);
  const [x, dy, over, residual] = [make(1), make(2), make(1), make(3)];
  const gain = kernels.matrix(normal(SIZE, 4), SIZE);
  const ada = kernels.adaNorm({ size: SIZE });
  const layer = kernels.layerNorm({ size: SIZE });
  const { y } = ada.forward(x);
  ada.forward(over, { out: over });
  const sums = layer.backward(dy, x, undefined, { gain, out: { dx: dy } });
  layer.forward(x, { residual, sum: residual, out: x });
  const results = [y, over, sums.dx, sums.dGain, residual, x].map((one) => (one as typeof x).toArray() as Float32Array);
  for (const one of [x, dy, over, residual, gain, y, sums.dGain]) (one as typeof x).free();
  return results;
}

const wanted = resultsOf(alone);

function expectResults(kernels: Kernels): void {
  for (const [i, values] of resultsOf(kernels).entries()) expectSameBytes(values, wanted[i] as Float32Array, `${i}`);
}

/** Ends the thread when it does something for the n-th time. */
const diesAt = (name: string, n: number) => `
  const original = Atomics.${name};
  let times = 0;
  Atomics.${name} = (...values) => {
    if (++times === ${n}) process.exit();
    const result = original(...values);
    if (++times === ${n}) process.exit();
    return result;
  };`;

/** Writes nonsense where a kernel would write rows, and ends the thread. */
const diesInside = (kernel: string, output: number) => `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Instance(module, imports);
    const ${kernel} = (call, from, rows) => {
      const { buffer } = imports.env.memory;
      const address = new Uint32Array(buffer)[(call + ${output}) / 4];
      new Float32Array(buffer, address + from * ${SIZE * 4}, rows * ${SIZE}).fill(7);
      process.exit();
    };
    return { exports: { ...exports, ${kernel} } };
  };`;

/** Waits until the kernels have noticed. */
async function untilThreads(kernels: Kernels, threads: number): Promise<void> {
  for (let i = 0; i < 200 && kernels.threads !== threads; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(kernels.threads).toBe(threads);
}

it("a thread is not taken for dead because the clock jumps, as it does when a machine wakes up", async () => {
  // It holds each block for a while.
  const prelude = `
    const { store } = Atomics;
    Atomics.store = (words, at, value) => {
      if (value === ${STATE.done}) for (const end = performance.now() + 5; performance.now() < end; );
      return store(words, at, value);
    };`;
  const kernels = await loadThreads(2, { createWorker: () => workerAfter(prelude) });
  shareAll();
  let jumps = 0;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 1e6 * jumps++);
  for (let i = 0; i < 3; i++) expectResults(kernels);
  vi.restoreAllMocks();
  expect(jumps).toBeGreaterThan(10);
  expect(kernels.threads).toBe(2);
});

describe("a thread that dies", () => {
  it.each([
    ["before it enters", diesAt("compareExchange", 1)],
    ["once it is inside", diesAt("compareExchange", 2)],
    ["before it takes a block", diesAt("add", 1)],
    ["with a block that it has not said to have", diesAt("add", 2)],
    ["with a block whose rows are not copied", diesAt("store", 4)],
    ["with a block that is done", diesAt("store", 5)],
    ["after some blocks", diesAt("store", 13)],
    ["before it leaves", diesAt("sub", 1)],
    ["inside forward", diesInside("forward", CALL.y)],
    ["inside backward", diesInside("backward", CALL.dx)],
  ])("%s loses nothing", async (_, prelude) => {
    const kernels = await loadThreads(2, { createWorker: () => workerAfter(prelude) });
    shareAll();
    await untilAlone(kernels, () => expectResults(kernels));
  });

  it("without work is noticed, and the others go on", async () => {
    const workers: Worker[] = [];
    const createWorker = () => {
      const worker = workerAfter("");
      workers.push(worker);
      return worker;
    };
    const kernels = await loadThreads(4, { createWorker });
    shareAll();
    await workers[1]?.terminate();
    await untilThreads(kernels, 3);
    expectResults(kernels);
    expect(kernels.threads).toBe(3);
  });

  it("at a random moment, terminated from outside, loses nothing", async () => {
    const next = random(5);
    for (let round = 0; round < 6; round++) {
      const workers: Worker[] = [];
      const createWorker = () => {
        const worker = workerAfter("");
        workers.push(worker);
        return worker;
      };
      const kernels = await loadThreads(3, { createWorker });
      shareAll();
      for (let i = 0; i < 10; i++) {
        const worker = next() < 0.2 ? workers.pop() : undefined;
        worker?.terminate();
        expectResults(kernels);
        if (next() < 0.5) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const { threads } = kernels;
      expect(threads).toBeGreaterThanOrEqual(1);
      await untilThreads(kernels, threads === 1 ? 1 : workers.length + 1);
      kernels.close();
    }
  });

  it("without a word, as those of pages do, is noticed by what it does not do", async () => {
    // It never wakes up again, and no event tells.
    const prelude = "Atomics.wait = () => { for (;;); };";
    const kernels = await loadThreads(2, { createWorker: () => workerAfter(prelude) });
    shareAll();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const end = performance.now() + 20_000;
    while (kernels.threads === 2 && performance.now() < end) expectResults(kernels);
    expect(kernels.threads).toBe(1);
  });
});
