/** Which way the ops go: in the backend's memory, by copies, or by operators. */
import * as tf from "@tensorflow/tfjs-core";
import * as adanorm from "adanorm/tfjs";
import { assert, assertEqual, assertNear, assertThrows, type Define } from "./harness.ts";
import { composed, numbers } from "./norms.ts";

export type Way = "in place" | "copies" | "operators";

interface Wasm {
  HEAPU8: Uint8Array;
  asm: { memory?: WebAssembly.Memory } | undefined;
  /** Where the build with threads has its memory. */
  wasmMemory?: WebAssembly.Memory | undefined;
}

/** Emscripten's module in the wasm backend. */
export const wasmOf = () => (tf.backend() as unknown as { wasm: Wasm }).wasm;

/** The memories that modules were instantiated on, while `body` ran. */
async function memoriesOf(body: () => void): Promise<unknown[]> {
  const { Instance } = WebAssembly;
  const memories: unknown[] = [];
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      memories.push(imports?.env?.memory);
    }
  };
  try {
    body();
  } finally {
    WebAssembly.Instance = Instance;
  }
  return memories;
}

/** Whether TensorFlow.js's operators did the work. */
export async function usesOperators(): Promise<boolean> {
  const x = numbers([2, 8]);
  const { kernelNames } = await tf.profile(() => adanorm.layerNormSimple(x));
  x.dispose();
  return kernelNames.includes("Rsqrt");
}

/** Run first on a backend: which way its first op goes. */
export function firstOp(way: Way) {
  return (define: Define): void => {
    define(`the way is: ${way}`, async () => {
      const x = numbers([3, 70]);
      const memories = await memoriesOf(() => adanorm.adaNorm(x));
      assertEqual(await usesOperators(), way === "operators", "operators do the work");
      assertEqual(memories.length, way === "operators" ? 0 : 1, "modules instantiated");
      if (way === "operators") return;
      const own = wasmOf().asm?.memory ?? wasmOf().wasmMemory;
      assertEqual(memories[0] === own && own !== undefined, way === "in place", "in place");
      assertEqual((await memoriesOf(() => adanorm.adaNorm(x))).length, 0, "modules instantiated by a second op");
    });
  };
}

/** For the wasm backend, after its first op. */
export function changes(define: Define): void {
  define("forward in place, backward by copies, and the other way round", () => {
    const x = numbers([9, 70]);
    const wanted = tf.grad((one) => composed("layerNormSimple", one, {}))(x);
    const wasm = wasmOf();
    const asm = hideMemory();
    const hidden = wasm.asm;
    for (const [first, then] of [
      [asm, hidden],
      [hidden, asm],
    ] as const) {
      wasm.asm = first;
      const dx = tf.grad((one) => {
        const y = adanorm.layerNormSimple(one);
        wasm.asm = then;
        return y;
      })(x);
      assert((tf.max(tf.abs(tf.sub(dx, wanted))).dataSync()[0] as number) < 1e-5, "dx");
    }
    wasm.asm = asm;
  });
  define("forward on wasm, backward on cpu, and the other way round", async () => {
    const [values, dys] = [numbers([9, 70]).arraySync() as number[][], numbers([9, 70]).arraySync() as number[][]];
    const found: tf.TypedArray[] = [];
    const backend = tf.getBackend();
    for (const [first, then] of [
      ["wasm", "cpu"],
      ["cpu", "wasm"],
      ["cpu", "cpu"],
    ] as const) {
      await tf.setBackend(first);
      const dx = tf.grad((one) => {
        const y = adanorm.adaNorm(one);
        // At once, for the backend is there already.
        tf.engine().backendName = then;
        (tf.engine() as unknown as { backendInstance: tf.KernelBackend }).backendInstance = tf.findBackend(then);
        return y;
      })(tf.tensor2d(values), tf.tensor2d(dys));
      found.push(dx.dataSync());
    }
    await tf.setBackend(backend);
    const [a, b, wanted] = found.map((one) => tf.tensor1d(one)) as [tf.Tensor, tf.Tensor, tf.Tensor];
    assertNear(a, wanted, 1e-5, "forward on wasm");
    assertNear(b, wanted, 1e-5, "forward on cpu");
  });
  define("tensors of another backend are fetched", async () => {
    await tf.setBackend("cpu");
    const x = numbers([3, 8]);
    const wanted = adanorm.rmsNorm(x).arraySync() as number[][];
    await tf.setBackend("wasm");
    assertNear(adanorm.rmsNorm(x), tf.tensor2d(wanted), 1e-6, "y");
  });
  define("internals that are not what they look like are left alone", async () => {
    const readings = [
      () => new Float32Array(3),
      () => Float32Array.of(0.5, 0, 7.25),
      () => {
        throw new Error("not to be read");
      },
    ];
    for (const readSync of readings) {
      const asm = breakInternals(readSync);
      assert(await usesOperators(), "operators do the work");
      wasmOf().asm = asm;
      assert(!(await usesOperators()), "the kernels do it again");
    }
  });
}

/** Makes tensors of three elements seem to lie elsewhere when they are new; gives what puts an end to it. */
function misplaceOutputs(memoryOffset: unknown): () => void {
  const { dataIdMap } = tf.backend() as unknown as { dataIdMap: { get(id: object): object } };
  const backend = tf.backend() as unknown as { makeOutput(shape: number[], ...of: unknown[]): unknown };
  const { get } = dataIdMap;
  const { makeOutput } = backend;
  let isNew = false;
  backend.makeOutput = (shape, ...of) => {
    isNew = shape.join() === "3";
    return makeOutput.call(backend, shape, ...of);
  };
  dataIdMap.get = (id) => {
    const found = get.call(dataIdMap, id);
    const seeming = isNew ? { ...found, memoryOffset } : found;
    isNew = false;
    return seeming;
  };
  return () => {
    dataIdMap.get = get;
    Reflect.deleteProperty(backend, "makeOutput");
  };
}

/** What the kernels refuse to work on: for the wasm backend, after its first op. */
export function refusals(define: Define): void {
  define("a memory that is not to be had is worked on by copies", async () => {
    const backend = tf.backend() as unknown as { wasm: Wasm };
    const { wasm } = backend;
    const x = numbers([3, 70]);
    const wanted = adanorm.adaNorm(x);
    const found: tf.Tensor[] = [];
    // What it exports is not to be seen; the backend itself looks elsewhere for it.
    backend.wasm = Object.create(wasm, { asm: { value: undefined } });
    try {
      const memories = await memoriesOf(() => found.push(adanorm.adaNorm(x)));
      assertEqual(memories.length, 1, "modules instantiated");
    } finally {
      backend.wasm = wasm;
    }
    assertNear(found[0] as tf.Tensor, wanted, 0, "y");
  });
  define("places that are none of f32 are left alone", async () => {
    const wasm = wasmOf();
    const { asm } = wasm;
    const backend = tf.backend() as tf.KernelBackend & { disposeData(id: object): boolean };
    // Nobody's, and what is written there for want of a place would be seen.
    const start = wasm.HEAPU8.slice(0, 16);
    for (const memoryOffset of [undefined, 0, -4, 2, 0.5]) {
      const restore = misplaceOutputs(memoryOffset);
      let disposed = 0;
      backend.disposeData = (id) => {
        disposed += 1;
        return Object.getPrototypeOf(backend).disposeData.call(backend, id);
      };
      // Another object, so that the next op looks again.
      wasm.asm = { ...asm } as Wasm["asm"];
      try {
        adanorm.layerNormSimple(tf.zeros([0, 2]));
        Reflect.deleteProperty(backend, "disposeData");
        restore();
        assertEqual([...wasm.HEAPU8.slice(0, 16)], [...start], `the memory at 0: ${memoryOffset}`);
        assert(disposed > 0, "what it tried with is freed");
        assert(await usesOperators(), `operators do the work: ${memoryOffset}`);
      } finally {
        Reflect.deleteProperty(backend, "disposeData");
        restore();
        wasm.asm = asm;
      }
    }
  });
  define("a backend that lacks a part is left to operators", async () => {
    const current = tf.getBackend();
    await tf.setBackend("cpu");
    const cpu = tf.backend();
    const parts = { wasm: { HEAPU8: new Uint8Array(64) }, dataIdMap: { get: () => ({}) }, makeOutput() {} };
    for (const missing of Object.keys(parts)) {
      const name = `without ${missing}`;
      const properties = Object.entries(parts).filter(([part]) => part !== missing);
      const backend = Object.create(cpu, Object.fromEntries(properties.map(([part, value]) => [part, { value }])));
      tf.copyRegisteredKernels("cpu", name);
      tf.registerBackend(name, () => backend);
      await tf.setBackend(name);
      assert(await usesOperators(), name);
      await tf.setBackend("cpu");
      // Without its own dispose, which would end that of cpu too.
      Object.defineProperty(backend, "dispose", { value() {} });
      tf.removeBackend(name);
    }
    await tf.setBackend(current);
  });
  define("the kernels keep to the memory that they asked for", () => {
    type Allocator = Wasm & { _malloc(bytes: number): number; _free(start: number): void };
    const { wasm } = tf.backend() as unknown as { wasm: Allocator };
    const { _malloc: malloc, _free: free } = wasm;
    const [mark, marked] = [7, 64];
    const ends = new Map<number, number>();
    let checked = 0;
    wasm._malloc = (bytes) => {
      const start = malloc(bytes + marked);
      wasm.HEAPU8.fill(mark, start + bytes, start + bytes + marked);
      ends.set(start, start + bytes);
      return start;
    };
    wasm._free = (start) => {
      const end = ends.get(start);
      if (end !== undefined) {
        assertEqual([...new Set(wasm.HEAPU8.slice(end, end + marked))], [mark], "what is behind it");
        ends.delete(start);
        checked += 1;
      }
      free(start);
    };
    try {
      for (const rows of [1, 2, 3]) {
        const all = [numbers([rows, 70]), numbers([70]), numbers([70])];
        const op = (...[x, gain, bias]: tf.Tensor[]) => adanorm.layerNorm(x as tf.Tensor, { gain, bias });
        for (const one of [...all, ...tf.grads(op)(all)]) one.dispose();
        const samples = [numbers([rows, 6, 5]), numbers([6]), numbers([6])];
        const ofGroups = (...[x, gain, bias]: tf.Tensor[]) =>
          adanorm.groupNorm(x as tf.Tensor, { groups: 2, gain, bias });
        for (const one of [...samples, ...tf.grads(ofGroups)(samples)]) one.dispose();
      }
      assert(checked > 0 && ends.size === 0, `${checked} places were checked, ${ends.size} were not`);
    } finally {
      wasm._malloc = malloc;
      wasm._free = free;
    }
  });
  define("a backend without memory is told of, and nothing is left behind", () => {
    const { wasm } = tf.backend() as unknown as { wasm: { _malloc(bytes: number): number } };
    const { _malloc: malloc } = wasm;
    const x = numbers([3, 70]);
    // The way is found while there is memory.
    adanorm.layerNorm(x);
    const { numTensors } = tf.memory();
    const message = (bytes: number) =>
      `layerNorm: memory: expected room for ${bytes} bytes more in TensorFlow.js's memory, got none`;
    // The result has no room, then the call's block and its statistics have none.
    for (const [given, bytes] of [
      [0, x.size * 4],
      [1, 160 + 2 * 3 * 8],
    ] as const) {
      let left = given;
      wasm._malloc = (size) => (left-- > 0 ? malloc(size) : 0);
      try {
        assertThrows(() => adanorm.layerNorm(x), RangeError, message(bytes));
      } finally {
        wasm._malloc = malloc;
      }
      assertEqual(tf.memory().numTensors, numTensors, "tensors");
    }
    assertNear(adanorm.layerNorm(x), composed("layerNorm", x, {}), 1e-5, "y once there is room again");
    // For no bytes a memory may give no place.
    wasm._malloc = (bytes) => (bytes === 0 ? 0 : malloc(bytes));
    try {
      assertEqual(adanorm.layerNorm(tf.zeros([0, 70])).shape, [0, 70], "a batch of no rows");
    } finally {
      wasm._malloc = malloc;
    }
  });
}

/** Makes tensors seem to lie elsewhere when the next op asks: it leaves the memory alone then. Gives back what was there. */
export function breakInternals(readSync = () => new Float32Array(3)): Wasm["asm"] {
  const wasm = wasmOf();
  const { asm } = wasm;
  const backend = tf.backend();
  wasm.asm = { ...asm };
  backend.readSync = readSync;
  try {
    adanorm.layerNormSimple(tf.zeros([1, 2])).dispose();
  } finally {
    Reflect.deleteProperty(backend, "readSync");
  }
  return asm;
}

/** What emscripten exports, but for the memory: its functions are bound when they are called first. */
export function hideMemory(): Wasm["asm"] {
  const wasm = wasmOf();
  const { asm } = wasm;
  wasm.asm = { ...asm };
  delete wasm.asm.memory;
  // The build with threads: hidden for as long as other exports are there.
  const { wasmMemory } = wasm;
  const get = () => (wasm.asm === asm ? wasmMemory : undefined);
  if (wasmMemory) Object.defineProperty(wasm, "wasmMemory", { configurable: true, get });
  return asm;
}

/** Removes the wasm backend; the next to ask for it gets a new instance. */
export function replaceBackend(): void {
  const factory = tf.findBackendFactory("wasm");
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", factory);
}

/** Run last: the backend is gone afterwards, and there is another one. */
export function newBackend(define: Define): void {
  define("a new instance of the backend gets kernels of its own", async () => {
    const old = tf.backend();
    replaceBackend();
    await tf.setBackend("wasm");
    assert(tf.backend() !== old, "another instance");
    const x = numbers([3, 70]);
    assert(!(await usesOperators()), "the kernels do the work");
    assertNear(adanorm.adaNorm(x), composed("adaNorm", x, {}), 1e-5, "y");
    x.dispose();
  });
}
