/** When there are threads, and when there is one: what `load` is given, and what the host has. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { type Kernels, type LoadOptions, load, loadSync, type Matrix } from "adanorm";
import { load as loadByUrl } from "adanorm/url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../build/threads.js";
import { enableRelaxedSimd } from "../relaxed-flag.ts";
import { expectSameBytes, normal } from "../support.ts";
import { loadThreads, shareAll, workerAfter } from "./support.ts";

// Node 20 has relaxed SIMD behind a flag, which must be set before the first module is compiled.
enableRelaxedSimd();

const read = (name: string) => readFileSync(new URL(`../../build/${name}`, import.meta.url));
const SIZE = 64;
const x = normal(200 * SIZE, 1);
const wanted = loadSync().adaNorm({ size: SIZE }).forward(x).y;

function expectToWork(kernels: ReturnType<typeof loadSync>): void {
  const matrix = kernels.matrix(x, SIZE);
  const { y } = kernels.adaNorm({ size: SIZE }).forward(matrix);
  expectSameBytes(y.toArray() as Float32Array, wanted);
  expectSameBytes(kernels.adaNorm({ size: SIZE }).forward(x).y, wanted);
  for (const one of [matrix, y]) one.free();
}

/** Runs a function where the host refuses memories. */
async function withoutMemory(
  refuses: (descriptor: WebAssembly.MemoryDescriptor) => boolean,
  run: () => Promise<unknown>,
): Promise<void> {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if (refuses(descriptor)) throw new RangeError("no such memory");
      super(descriptor);
    }
  };
  try {
    await run();
  } finally {
    WebAssembly.Memory = Memory;
  }
}

describe("kernels with threads", () => {
  it("are told from others by `threads`, until they are closed", async () => {
    expect(loadSync().threads).toBe(1);
    expect((await load()).threads).toBe(1);
    const kernels = await loadThreads(3);
    shareAll();
    expectToWork(kernels);
    const matrix = kernels.matrix(x, SIZE);
    for (let i = 0; i < 2; i++) {
      kernels.close();
      expect(kernels.threads).toBe(1);
    }
    expectSameBytes(matrix.toArray() as Float32Array, x);
    expectToWork(kernels);
  });

  it("do not make a worker for one thread", async () => {
    const createWorker = vi.fn();
    const kernels = await load({ threads: 1, createWorker });
    expect(createWorker).not.toHaveBeenCalled();
    expectToWork(kernels);
    kernels.close();
  });

  it("may be several in one program", async () => {
    const all = await Promise.all([2, 3, 2].map((threads) => loadThreads(threads)));
    shareAll();
    for (let i = 0; i < 3; i++) for (const kernels of all) expectToWork(kernels);
    const matrix = (all[0] as (typeof all)[0]).matrix(x, SIZE);
    expect(() => all[1]?.adaNorm({ size: SIZE }).forward(matrix)).toThrow("got one of another instance");
  });

  it("run the relaxed build if that is asked for", async () => {
    const { simd } = await load({ relaxedSimd: true });
    const kernels = await loadThreads(2, { relaxedSimd: true });
    shareAll();
    expect(kernels.simd).toBe(simd);
    const matrix = kernels.matrix(x, SIZE);
    const { y } = kernels.adaNorm({ size: SIZE }).forward(matrix);
    const { y: fromArrays } = kernels.adaNorm({ size: SIZE }).forward(x);
    expectSameBytes(y.toArray() as Float32Array, fromArrays);
  });

  it("take a module of the caller's, if it is the build for shared memory", async () => {
    const kernels = await loadThreads(2, { module: read("adanorm.shared.wasm") });
    shareAll();
    expectToWork(kernels);
    const plain = await load({ threads: 2, module: read("adanorm.wasm") });
    expect(plain.threads).toBe(1);
    expectToWork(plain);
    const foreign = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
    await expect(load({ threads: 2, module: foreign })).rejects.toThrow("load: module: expected adanorm's module");
  });

  it("are ended if nobody holds them", async () => {
    let worker: Worker | undefined;
    const createWorker = () => {
      worker = workerAfter("");
      return worker;
    };
    expectToWork(await load({ threads: 2, createWorker }));
    const exit = new Promise((resolve) => worker?.on("exit", resolve));
    const timer = setInterval(() => globalThis.gc?.(), 20);
    await exit;
    clearInterval(timer);
  });
});

describe("options of threads", () => {
  it.each([
    [{ threads: 0 }, "load: threads: expected an integer >= 1, got 0"],
    [{ threads: 1.5 }, "load: threads: expected an integer >= 1, got 1.5"],
    [{ threads: "2" }, 'load: threads: expected an integer >= 1, got "2"'],
    [{ createWorker: 5 }, "load: createWorker: expected a function that returns a Worker, got 5"],
    [
      { threads: 2, createWorker: () => ({}) },
      "load: createWorker: expected a function that returns a Worker, got an Object",
    ],
    [
      { threads: 2, createWorker: () => undefined },
      "load: createWorker: expected a function that returns a Worker, got undefined",
    ],
  ])("%o is refused", async (options, message) => {
    await expect(load(options as LoadOptions)).rejects.toThrow(message);
  });

  it("that are wrong for one thread end the others, which may have yet to start", async () => {
    const worker = workerAfter("");
    const exit = new Promise((resolve) => worker.on("exit", resolve));
    const made: unknown[] = [worker, {}];
    const createWorker = () => made.shift() as Worker;
    await expect(load({ threads: 3, createWorker })).rejects.toThrow("load: createWorker");
    await exit;
  });

  it("have no effect in loadSync, but are checked there", () => {
    expect(loadSync({ threads: 4 }).threads).toBe(1);
    expect(() => loadSync({ threads: -1 })).toThrow("loadSync: threads: expected an integer >= 1, got -1");
  });
});

describe("there is one thread, without an error,", () => {
  async function expectOne(options: LoadOptions = {}): Promise<void> {
    const kernels = await load({ threads: 3, ...options });
    expect(kernels.threads).toBe(1);
    expectToWork(kernels);
  }

  it("without shared memory", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    await expectOne();
    vi.unstubAllGlobals();
  });

  it("in a page that is not isolated", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    await expectOne();
    vi.unstubAllGlobals();
  });

  it("where a worker cannot be made", () =>
    expectOne({
      createWorker() {
        throw new Error("forbidden");
      },
    }));

  it("where it cannot be given memory", () =>
    expectOne({
      createWorker() {
        const worker = workerAfter("");
        worker.postMessage = () => {
          throw new Error("not cloned");
        };
        return worker;
      },
    }));

  it("where it fails", () =>
    expectOne({ createWorker: () => new Worker('throw new Error("no such file")', { eval: true }) }));

  it("where it ends", () => expectOne({ createWorker: () => new Worker("", { eval: true }) }));

  it("where it does not answer in time, and the worker is ended", async () => {
    const usual = LIMITS.answer;
    LIMITS.answer = 50;
    const ends: Promise<unknown>[] = [];
    await expectOne({
      createWorker() {
        const worker = new Worker("setInterval(() => {}, 1000)", { eval: true });
        ends.push(new Promise((resolve) => worker.on("exit", resolve)));
        return worker;
      },
    });
    LIMITS.answer = usual;
    await Promise.all(ends);
  });

  it("where some of them answer, there are as many", async () => {
    let made = 0;
    const createWorker = () => (made++ % 2 ? workerAfter("") : new Worker("", { eval: true }));
    const kernels = await load({ threads: 5, createWorker });
    expect(kernels.threads).toBe(3);
    shareAll();
    expectToWork(kernels);
    kernels.close();
  });
});

describe("a host that gives no shared memory", () => {
  it("has one thread", async () => {
    await withoutMemory(
      ({ shared }) => shared === true,
      async () => {
        const kernels = await load({ threads: 2 });
        expect(kernels.threads).toBe(1);
        expectToWork(kernels);
      },
    );
  });
});

describe("the build for shared memory runs on one thread", () => {
  const module = read("adanorm.shared.wasm");
  const byUrl = () => {
    vi.stubGlobal("fetch", async () => new Response(module));
    return loadByUrl({ url: `https://example.com/${Math.random()}.wasm` });
  };
  const ways: [string, () => Kernels | Promise<Kernels>][] = [
    ["load", () => load({ module })],
    ["loadSync", () => loadSync({ module })],
    ["load of a URL", byUrl],
  ];

  afterEach(() => vi.unstubAllGlobals());

  /** Also grows the memory, which gets another buffer then. */
  function expectToGrow(kernels: Kernels): void {
    expect(kernels.threads).toBe(1);
    const before = kernels.matrix(x, SIZE).data;
    const held = Array.from({ length: 30 }, () => kernels.matrix(20_000, 10));
    expectToWork(kernels);
    expectSameBytes(kernels.adaNorm({ size: SIZE }).forward(before).y as Float32Array, wanted);
    for (const one of held) one.free();
  }

  it.each(ways)("where none are asked for: %s", async (_, make) => expectToGrow(await make()));

  // Some browsers have shared memory, but not its class, in pages that are not isolated.
  it.each(ways)("without SharedArrayBuffer: %s", async (_, make) => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    expectToGrow(await make());
    expectToGrow(await load({ module, threads: 2 }));
  });

  it("where no worker can be made", async () => {
    const createWorker = () => {
      throw new Error("forbidden");
    };
    expectToGrow(await load({ module, threads: 2, createWorker }));
  });

  it("within the limit of its memory", async () => {
    for (const make of [load, loadSync]) {
      const kernels = await make({ module, maximumBytes: 20 * 65536 });
      expect(() => kernels.matrix(21 * 65536, 1)).toThrow(RangeError);
      expectToWork(kernels);
    }
  });

  it.each(ways)("and is refused by a host without shared memory: %s", async (way, make) => {
    const option = way === "load of a URL" ? "load: url" : `${way}: module`;
    const message =
      `${option}: expected a build for memory of one thread, as this host gives no shared memory, ` +
      "got a build for shared memory";
    await withoutMemory(
      ({ shared }) => shared === true,
      () => expect((async () => make())()).rejects.toThrow(new TypeError(message)),
    );
    // A host that gives no memory at all says so itself.
    await withoutMemory(
      () => true,
      () => expect((async () => make())()).rejects.toThrow(new RangeError("no such memory")),
    );
  });
});

describe("memory", () => {
  it("grows while threads wait, and is used by them then", async () => {
    const kernels = await loadThreads(3);
    shareAll();
    const held = [];
    for (let i = 0; i < 30; i++) {
      held.push(kernels.matrix(20_000, 10));
      expectToWork(kernels);
    }
    for (const one of held) one.free();
    expect(kernels.memory.used).toBe(0);
  });

  it("ends at the limit, with nothing lost", async () => {
    const maximumBytes = 40 * 65536;
    const kernels = await loadThreads(2, { maximumBytes });
    shareAll();
    const held: Matrix[] = [];
    const matrix = kernels.matrix(x, SIZE);
    expect(() => {
      for (;;) held.push(kernels.matrix(100, SIZE));
    }).toThrow(RangeError);
    expect(kernels.memory.size).toBeLessThanOrEqual(maximumBytes);
    // There is no room for the copies of rows that are overwritten, and none is needed.
    kernels.adaNorm({ size: SIZE }).forward(matrix, { out: matrix });
    expectSameBytes(matrix.toArray() as Float32Array, wanted);
    expect(() => kernels.adaNorm({ size: SIZE }).forward(matrix)).toThrow(RangeError);
    for (const one of [...held, matrix]) one.free();
    expectToWork(kernels);
    expect(kernels.memory.used).toBe(0);
  });

  it("may be too small for arrays to have their own", async () => {
    const kernels = await loadThreads(2, { maximumBytes: 3 * 65536 });
    shareAll();
    const small = x.subarray(0, 10 * SIZE);
    const { y } = kernels.adaNorm({ size: SIZE }).forward(small);
    expectSameBytes(y, wanted.slice(0, 10 * SIZE));
    expect(kernels.rows(SIZE).sum(small)).toEqual(loadSync().rows(SIZE).sum(small));
  });
});

describe("a process", () => {
  const run = promisify(execFile);
  const index = new URL("../../build/index.js", import.meta.url).href;

  it.each([
    ["with close()", "kernels.close();"],
    ["without it", ""],
  ])("ends by itself %s", async (_, end) => {
    const program = `
      import { load } from ${JSON.stringify(index)};
      const kernels = await load({ threads: 3 });
      const x = kernels.matrix(1000, 700);
      for (let i = 0; i < 5; i++) kernels.adaNorm({ size: 700 }).forward(x, { out: x });
      console.log(kernels.threads);
      ${end}`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { timeout: 30_000 });
    expect(stdout).toBe("3\n");
  });
});
