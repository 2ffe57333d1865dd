import type { Abi } from "./abi.js";
import { checkBoolean, checkNumber, notItself, typeError } from "./checks.js";
import { createMatrix } from "./convert.js";
import { LinearMemory } from "./memory.js";
import { checkOptions } from "./names.js";
import { LinearNorm } from "./norm.js";
import { LinearRows } from "./rows.js";
import type {
  AdaNormOptions,
  DType,
  HostArray,
  Kernels,
  L2NormOptions,
  LoadOptions,
  Matrix,
  Norm,
  NormName,
  Rows,
  StatsOptions,
} from "./types.js";

const PAGE_BYTES = 65536;
const MOST_BYTES = 2 ** 32;

class LinearKernels implements Kernels {
  readonly #abi: Abi;
  readonly #memory: LinearMemory;

  constructor(abi: Abi, memory: LinearMemory) {
    this.#abi = abi;
    this.#memory = memory;
  }

  layerNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, true> {
    return LinearKernels.#norm(this, "layerNorm", options);
  }

  layerNormSimple<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, false> {
    return LinearKernels.#norm(this, "layerNormSimple", options);
  }

  detachNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, false> {
    return LinearKernels.#norm(this, "detachNorm", options);
  }

  adaNorm<D extends DType = "f32">(options: AdaNormOptions<D>): Norm<D, false> {
    return LinearKernels.#norm(this, "adaNorm", options);
  }

  rmsNorm<D extends DType = "f32">(options: StatsOptions<D>): Norm<D, true> {
    return LinearKernels.#norm(this, "rmsNorm", options);
  }

  l2Norm<D extends DType = "f32">(options: L2NormOptions<D>): Norm<D, false> {
    return LinearKernels.#norm(this, "l2Norm", options);
  }

  rows(size: number, options?: { dtype?: DType | undefined }): Rows {
    const { abi, memory } = LinearKernels.#partsOf(this, "rows");
    return new LinearRows(abi, memory, size, options);
  }

  matrix<D extends DType>(rowsOrSource: number | HostArray, cols: number, dtype?: D): Matrix<D> {
    const { memory } = LinearKernels.#partsOf(this, "matrix");
    // createMatrix makes a matrix of the dtype that the overloads of the interface promise.
    return createMatrix(memory, rowsOrSource, cols, dtype) as Matrix as Matrix<D>;
  }

  get simd(): "simd128" | "relaxed-simd" {
    return LinearKernels.#partsOf(this, "simd").abi.isRelaxed() ? "relaxed-simd" : "simd128";
  }

  get memory(): { used: number; size: number } {
    const { memory } = LinearKernels.#partsOf(this, "memory");
    return { used: memory.used, size: memory.size };
  }

  static #norm<D extends DType, P extends boolean>(self: LinearKernels, name: NormName, options: unknown): Norm<D, P> {
    // The type says what the checks of LinearNorm's calls refuse.
    return new LinearNorm(LinearKernels.#partsOf(self, name).memory, name, options) as Norm as Norm<D, P>;
  }

  /** The module and its memory. Throws if `self` is not a LinearKernels, or is a Proxy of one. */
  static #partsOf(self: unknown, method: string): { abi: Abi; memory: LinearMemory } {
    if (typeof self !== "object" || self === null || !(#memory in self)) throw notItself(`Kernels.${method}`, self);
    return { abi: self.#abi, memory: self.#memory };
  }
}

/** The names of the options that load and loadSync take. */
export const LOAD_OPTIONS: ReadonlySet<string> = new Set(["relaxedSimd", "maximumBytes", "module"]);

/** The options of load, after checks. Each is read from the caller's object only once. */
export interface LoadSettings {
  relaxedSimd: boolean;
  maximumBytes: number | undefined;
  module: WebAssembly.Module | Uint8Array<ArrayBuffer> | undefined;
}

/** Reads and checks the options that load and loadSync share. */
export function readLoadOptions(call: string, options: unknown, known = LOAD_OPTIONS): LoadSettings {
  checkOptions(call, "options", options, known);
  const { relaxedSimd = false, maximumBytes, module } = options as { readonly [Name in keyof LoadOptions]: unknown };
  checkBoolean(call, "relaxedSimd", relaxedSimd);
  if (maximumBytes !== undefined) checkNumber(call, "maximumBytes", maximumBytes, PAGE_BYTES);
  return {
    relaxedSimd: relaxedSimd as boolean,
    maximumBytes: maximumBytes as number | undefined,
    module: module === undefined ? undefined : checkModule(call, module),
  };
}

/**
 * Returns a module itself, or a copy of its bytes. The copy is needed because not all engines take all views and buffers.
 */
function checkModule(call: string, module: unknown): WebAssembly.Module | Uint8Array<ArrayBuffer> {
  try {
    if (module instanceof WebAssembly.Module) {
      // Throws for a Proxy of a module.
      WebAssembly.Module.exports(module);
      return module;
    }
    if (ArrayBuffer.isView(module)) {
      return new Uint8Array(new Uint8Array(module.buffer, module.byteOffset, module.byteLength));
    }
    if (/^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(module))) {
      return new Uint8Array(new Uint8Array(module as ArrayBuffer));
    }
  } catch {
    // The buffer is detached, or the value is a Proxy.
  }
  throw typeError(call, "module", "a WebAssembly.Module or its bytes", module);
}

/** The imports of one instance: only a memory of its own. */
function importsFor({ maximumBytes }: LoadSettings) {
  const most = Math.min(maximumBytes ?? MOST_BYTES, MOST_BYTES);
  const limit = maximumBytes === undefined ? {} : { maximum: Math.floor(most / PAGE_BYTES) };
  return { env: { memory: new WebAssembly.Memory({ initial: 1, ...limit }) } };
}

/**
 * Throws if the exports are not those of adanorm's module. A foreign module that imports only a memory instantiates too.
 */
function checkExports(call: string, exports: object): asserts exports is Abi {
  if ("columnSums" in exports && "isRelaxed" in exports) return;
  throw new TypeError(
    `${call}: module: expected adanorm's module, got one that exports ${Object.keys(exports).join(", ") || "nothing"}`,
  );
}

/**
 * Makes an instance of the module. Only this function and {@link createKernelsSync} instantiate for the package's own
 * memory.
 *
 * It calls the functions of WebAssembly, not AssemblyScript's loader. That has nothing that a module of plain numbers
 * needs, and it touches `Response`, for which Node loads all of fetch: 20 to 30 ms in a fresh process.
 */
export async function createKernels(module: WebAssembly.Module, settings: LoadSettings): Promise<Kernels> {
  const imports = importsFor(settings);
  const { exports } = await WebAssembly.instantiate(module, imports);
  checkExports("load", exports);
  return new LinearKernels(exports, new LinearMemory(imports.env.memory, exports));
}

/** The same as {@link createKernels}, synchronously, if the host allows that. */
export function createKernelsSync(module: WebAssembly.Module, settings: LoadSettings): Kernels {
  const imports = importsFor(settings);
  const { exports } = new WebAssembly.Instance(module, imports);
  checkExports("loadSync", exports);
  return new LinearKernels(exports, new LinearMemory(imports.env.memory, exports));
}
