/** Which way the ops go: in the backend's memory, by copies, or by operators. */
import * as tf from "@tensorflow/tfjs-core";
import * as adanorm from "adanorm/tfjs";
import { assert, assertEqual, assertNear, assertThrows, type Define } from "./harness.ts";
import { composed, numbers } from "./norms.ts";

export type Way = "in place" | "copies" | "operators";

interface Wasm {
  HEAPU8: Uint8Array;
  asm: { memory?: WebAssembly.Memory } | undefined;
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
      assertEqual(memories[0] === wasmOf().asm?.memory && memories[0] !== undefined, way === "in place", "in place");
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
    const asm = breakInternals();
    assert(await usesOperators(), "operators do the work");
    wasmOf().asm = asm;
    assert(!(await usesOperators()), "the kernels do it again");
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
    for (const memoryOffset of [undefined, 0, -4, 2, 0.5]) {
      const restore = misplaceOutputs(memoryOffset);
      // Another object, so that the next op looks again.
      wasm.asm = { ...asm } as Wasm["asm"];
      try {
        adanorm.layerNormSimple(tf.zeros([0, 2]));
        restore();
        assert(await usesOperators(), `operators do the work: ${memoryOffset}`);
      } finally {
        restore();
        wasm.asm = asm;
      }
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
      [1, 144 + 2 * 3 * 8],
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
  });
}

/** Makes tensors seem to lie elsewhere when the next op asks: it leaves the memory alone then. Gives back what was there. */
export function breakInternals(): Wasm["asm"] {
  const wasm = wasmOf();
  const { asm } = wasm;
  const backend = tf.backend();
  wasm.asm = { ...asm };
  backend.readSync = () => new Float32Array(3);
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
