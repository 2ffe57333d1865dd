import type { Abi } from "./abi.js";
import { checkBoolean, checkNumber, checkOptions, typeError } from "./checks.js";
import { createMatrix } from "./convert.js";
import { LinearMemory } from "./memory.js";
import { LinearNorm } from "./norm.js";
import { LinearRows } from "./rows.js";
import type {
  AdaNormOptions,
  DType,
  HostArray,
  Kernels,
  LoadOptions,
  Matrix,
  Norm,
  Rows,
  StatsOptions,
} from "./types.js";

const PAGE_BYTES = 65536;
const MOST_BYTES = 2 ** 32;

class LinearKernels implements Kernels {
  readonly simd: "simd128" | "relaxed-simd";
  readonly #abi: Abi;
  readonly #memory: LinearMemory;

  constructor(abi: Abi, memory: LinearMemory) {
    this.simd = abi.isRelaxed() ? "relaxed-simd" : "simd128";
    this.#abi = abi;
    this.#memory = memory;
  }

  layerNorm(options: StatsOptions): Norm {
    return new LinearNorm(this.#abi, this.#memory, "layerNorm", options);
  }

  layerNormSimple(options: StatsOptions): Norm {
    return new LinearNorm(this.#abi, this.#memory, "layerNormSimple", options);
  }

  detachNorm(options: StatsOptions): Norm {
    return new LinearNorm(this.#abi, this.#memory, "detachNorm", options);
  }

  adaNorm(options: AdaNormOptions): Norm {
    return new LinearNorm(this.#abi, this.#memory, "adaNorm", options);
  }

  rmsNorm(options: StatsOptions): Norm {
    return new LinearNorm(this.#abi, this.#memory, "rmsNorm", options);
  }

  rows(size: number, options?: { dtype?: DType | undefined }): Rows {
    return new LinearRows(this.#abi, this.#memory, size, options);
  }

  matrix<D extends DType>(rowsOrSource: number | HostArray, cols: number, dtype?: D): Matrix<D> {
    // What it holds is what was asked for, or follows from the source, as the overloads of the interface say.
    return createMatrix(this.#memory, rowsOrSource, cols, dtype) as Matrix as Matrix<D>;
  }

  get memory(): { used: number; size: number } {
    return { used: this.#memory.used, size: this.#memory.size };
  }
}

/** Checks what load and loadSync share. */
export function checkLoadOptions(call: string, options: LoadOptions): void {
  checkOptions(call, options);
  const { relaxedSimd = false, maximumBytes, module } = options;
  checkBoolean(call, "relaxedSimd", relaxedSimd);
  if (maximumBytes !== undefined) checkNumber(call, "maximumBytes", maximumBytes, PAGE_BYTES);
  if (module === undefined || module instanceof WebAssembly.Module || isBufferSource(module)) return;
  throw typeError(call, "module", "a WebAssembly.Module or its bytes", module);
}

export function isBufferSource(value: unknown): value is BufferSource {
  return ArrayBuffer.isView(value) || Object.prototype.toString.call(value) === "[object ArrayBuffer]";
}

/** The imports of one instance: a memory of its own, and nothing else. */
function importsFor(options: LoadOptions) {
  const { maximumBytes } = options;
  const most = Math.min(maximumBytes ?? MOST_BYTES, MOST_BYTES);
  const limit = maximumBytes === undefined ? {} : { maximum: Math.floor(most / PAGE_BYTES) };
  return { env: { memory: new WebAssembly.Memory({ initial: 1, ...limit }) } };
}

/** Refuses a module of somebody else that happens to import no more than a memory. */
function checkExports(call: string, exports: object): asserts exports is Abi {
  if ("affineForward" in exports && "isRelaxed" in exports) return;
  throw new TypeError(
    `${call}: module: expected adanorm's module, got one that exports ${Object.keys(exports).join(", ") || "nothing"}`,
  );
}

/**
 * An instance of the module. Here, and in {@link createKernelsSync}, is the one place that instantiates.
 *
 * By WebAssembly's own functions: AssemblyScript's loader has nothing that a module of plain numbers needs, and asks
 * whether it was given a Response, for which Node loads all of fetch: 20 to 30 ms in a fresh process.
 */
export async function createKernels(module: WebAssembly.Module, options: LoadOptions): Promise<Kernels> {
  const imports = importsFor(options);
  const { exports } = await WebAssembly.instantiate(module, imports);
  checkExports("load", exports);
  return new LinearKernels(exports, new LinearMemory(imports.env.memory, exports));
}

/** The same at once, where the host allows it. */
export function createKernelsSync(module: WebAssembly.Module, options: LoadOptions): Kernels {
  const imports = importsFor(options);
  const { exports } = new WebAssembly.Instance(module, imports);
  checkExports("loadSync", exports);
  return new LinearKernels(exports, new LinearMemory(imports.env.memory, exports));
}
