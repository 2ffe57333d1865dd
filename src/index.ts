/**
 * The main entry of the package. It contains the portable build. The other builds, and what threads need, are in
 * files of their own, loaded on demand.
 *
 * @module adanorm
 */
import bytes from "../build/adanorm.wasm";
import { readLoadOptions } from "./kernels.js";
import { loadFrom, loadSyncFrom, type Modules } from "./load.js";
import type { Kernels, LoadOptions } from "./types.js";

export type {
  AdaNormOptions,
  Backward,
  BackwardOf,
  BackwardOptions,
  Batch,
  DType,
  ElementArray,
  Forward,
  ForwardOptions,
  Gives,
  GroupNormOptions,
  HalfArray,
  HostArray,
  InstanceNormOptions,
  Int8Options,
  Kernels,
  L2NormOptions,
  LoadOptions,
  Matrix,
  Norm,
  OnlyBackwardOptions,
  ParamGradient,
  ParamGradients,
  Params,
  ParamsBackwardOptions,
  Prepared,
  RowStats,
  RowStride,
  Rows,
  RowsOptions,
  StatsOptions,
  SummedForward,
  Takes,
  ThreadWorker,
  VarianceOptions,
} from "./types.js";

/** The modules, compiled once for all instances. load and loadSync share what either has compiled. */
let portable: WebAssembly.Module | undefined;
let portablePromise: Promise<WebAssembly.Module> | undefined;
let relaxedPromise: Promise<WebAssembly.Module> | undefined;
let sharedPromise: Promise<WebAssembly.Module> | undefined;
let sharedRelaxedPromise: Promise<WebAssembly.Module> | undefined;

async function compilePortable(): Promise<WebAssembly.Module> {
  portable ??= await WebAssembly.compile(bytes);
  return portable;
}

/** Compiles a module that is the default export of another bundle. */
async function compileFrom(bundle: Promise<{ default: Uint8Array<ArrayBuffer> }>): Promise<WebAssembly.Module> {
  return WebAssembly.compile((await bundle).default);
}

const modules: Modules = {
  portable() {
    portablePromise ??= compilePortable();
    return portablePromise;
  },
  relaxed() {
    relaxedPromise ??= compileFrom(import("./relaxed.js"));
    return relaxedPromise;
  },
  threads: {
    code: () => import("./threads.js"),
    portable() {
      sharedPromise ??= compileFrom(import("./shared.js"));
      return sharedPromise;
    },
    relaxed() {
      sharedRelaxedPromise ??= compileFrom(import("./shared-relaxed.js"));
      return sharedRelaxedPromise;
    },
  },
};

/**
 * Loads the kernels. Compiles only once in a process or page. Each call gives an instance with a linear memory of its own.
 *
 * @param options see {@link LoadOptions}; all optional.
 * @returns a promise of the kernels.
 * @throws (rejects) TypeError or RangeError if an option is wrong; WebAssembly.CompileError if the engine has no
 * WebAssembly SIMD or the host forbids compiling.
 */
export async function load(options: LoadOptions = {}): Promise<Kernels> {
  return loadFrom(modules, readLoadOptions("load", options));
}

/**
 * The same as {@link load}, synchronously, if the host allows compiling on this thread.
 *
 * @param options see {@link LoadOptions}; relaxedSimd has no effect here.
 * @throws as {@link load} does.
 */
export function loadSync(options: LoadOptions = {}): Kernels {
  return loadSyncFrom(() => {
    portable ??= new WebAssembly.Module(bytes);
    return portable;
  }, options);
}
