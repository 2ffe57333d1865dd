import bytes from "../build/adanorm.wasm";
import { checkLoadOptions, createKernels, createKernelsSync, isBufferSource } from "./kernels.js";
import { hasRelaxedSimd } from "./relaxed-probe.js";
import type { Kernels, LoadOptions } from "./types.js";

export type {
  AdaNormOptions,
  Backward,
  Forward,
  HostArray,
  Kernels,
  LoadOptions,
  Matrix,
  Norm,
  Params,
  RowStats,
  Rows,
  StatsOptions,
} from "./types.js";

/** Compiled once, for every instance: by load as a promise, by loadSync at once; each uses what the other has ready. */
let portable: WebAssembly.Module | undefined;
let portablePromise: Promise<WebAssembly.Module> | undefined;
let relaxedPromise: Promise<WebAssembly.Module> | undefined;

async function compilePortable(): Promise<WebAssembly.Module> {
  portable ??= await WebAssembly.compile(bytes);
  return portable;
}

async function compileRelaxed(): Promise<WebAssembly.Module> {
  const relaxed = await import("./relaxed.js");
  return WebAssembly.compile(relaxed.default);
}

/**
 * Loads the kernels. Compiles once a process or page; each call gives an instance with a linear memory of its own.
 *
 * @param options see {@link LoadOptions}; all optional.
 * @returns a promise of the kernels.
 * @throws (rejects) TypeError or RangeError for options out of range, WebAssembly.CompileError where the engine has no
 * WebAssembly SIMD or the host forbids compiling.
 */
export async function load(options: LoadOptions = {}): Promise<Kernels> {
  checkLoadOptions("load", options);
  const { module, relaxedSimd } = options;
  if (module !== undefined) {
    const compiled = isBufferSource(module) ? await WebAssembly.compile(module) : module;
    return createKernels(compiled, options);
  }
  if (relaxedSimd && hasRelaxedSimd()) {
    relaxedPromise ??= compileRelaxed();
    return createKernels(await relaxedPromise, options);
  }
  portablePromise ??= compilePortable();
  return createKernels(await portablePromise, options);
}

/**
 * The same as {@link load} at once, where the host allows compiling on this thread (not in Cloudflare Workers).
 *
 * @param options see {@link LoadOptions}; relaxedSimd has no effect here.
 * @throws as {@link load} does.
 */
export function loadSync(options: LoadOptions = {}): Kernels {
  checkLoadOptions("loadSync", options);
  const { module } = options;
  if (module !== undefined) {
    return createKernelsSync(isBufferSource(module) ? new WebAssembly.Module(module) : module, options);
  }
  portable ??= new WebAssembly.Module(bytes);
  return createKernelsSync(portable, options);
}
