/** The routes of the ops: in the backend's memory, by copies, or by operators. */
import * as tf from "@tensorflow/tfjs-core";
import * as adanorm from "adanorm/tfjs";
import { assert, assertEqual, assertNear, type Define } from "./harness.ts";
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

/** Runs first on a backend: the route of its first op. */
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
        // At once, because the backend is there already.
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

/** Makes tensors seem to lie elsewhere when the next op asks, so that it does not use the memory. Returns what was there. */
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

/** The exports of emscripten except the memory: its functions are bound when they are first called. */
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

/** Runs last, because it replaces the backend. */
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
