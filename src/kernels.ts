import type { Abi } from "./abi.js";
import { checkBoolean, checkInteger, checkNumber, notItself, typeError } from "./checks.js";
import { createMatrix } from "./convert.js";
import { showAs } from "./inspect.js";
import { LinearMemory } from "./memory.js";
import { checkOptions } from "./names.js";
import { LinearNorm } from "./norm.js";
import type { AnyName } from "./options.js";
import { LinearRows } from "./rows.js";
import { MOST_PAGES, makeSharedMemory } from "./shared-memory.js";
import { MOST_THREADS } from "./threads/control.js";
import type { Crew } from "./threads.js";
import type {
  AdaNormOptions,
  DType,
  GroupNormOptions,
  HostArray,
  InstanceNormOptions,
  Kernels,
  L2NormOptions,
  LoadOptions,
  Matrix,
  Norm,
  Rows,
  StatsOptions,
} from "./types.js";

const PAGE_BYTES = 65536;
const MOST_BYTES = 2 ** 32;

/** The threads of an instance. */
export interface Threads {
  readonly threads: number;
  close(): void;
}

class LinearKernels implements Kernels {
  readonly #memory: LinearMemory;
  readonly #team: Threads | undefined;

  static {
    showAs(LinearKernels, "Kernels", ({ simd, threads, memory }) => ({ simd, threads, memory }));
  }

  constructor(memory: LinearMemory, team?: Threads) {
    this.#memory = memory;
    this.#team = team;
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

  groupNorm<D extends DType = "f32">(options: GroupNormOptions<D>): Norm<D, true> {
    return LinearKernels.#norm(this, "groupNorm", options);
  }

  instanceNorm<D extends DType = "f32">(options: InstanceNormOptions<D>): Norm<D, true> {
    return LinearKernels.#norm(this, "instanceNorm", options);
  }

  rows(size: number, options?: { dtype?: DType | undefined }): Rows {
    return new LinearRows(LinearKernels.#memoryOf(this, "rows"), size, options);
  }

  matrix<D extends DType>(rowsOrSource: number | HostArray, cols: number, dtype?: D): Matrix<D> {
    const memory = LinearKernels.#memoryOf(this, "matrix");
    // createMatrix makes a matrix of the dtype that the overloads of the interface promise.
    return createMatrix(memory, rowsOrSource, cols, dtype) as Matrix as Matrix<D>;
  }

  get simd(): "simd128" | "relaxed-simd" {
    return LinearKernels.#memoryOf(this, "simd").abi.isRelaxed() ? "relaxed-simd" : "simd128";
  }

  get memory(): { used: number; size: number } {
    const memory = LinearKernels.#memoryOf(this, "memory");
    const { forArrays } = memory;
    return { used: memory.used, size: memory.size + (forArrays === memory ? 0 : forArrays.size) };
  }

  get threads(): number {
    LinearKernels.#memoryOf(this, "threads");
    return this.#team ? this.#team.threads : 1;
  }

  close(): void {
    LinearKernels.#memoryOf(this, "close");
    this.#team?.close();
  }

  static #norm<D extends DType, P extends boolean>(self: LinearKernels, name: AnyName, options: unknown): Norm<D, P> {
    // The type says what the checks of LinearNorm's calls refuse.
    return new LinearNorm(LinearKernels.#memoryOf(self, name), name, options) as Norm as Norm<D, P>;
  }

  /** The memory of an instance. Throws if `self` is not a LinearKernels, or is a Proxy of one. */
  static #memoryOf(self: unknown, method: string): LinearMemory {
    if (typeof self !== "object" || self === null || !(#memory in self)) throw notItself(`Kernels.${method}`, self);
    return self.#memory;
  }
}

/** The names of the options that load and loadSync take. */
export const LOAD_OPTIONS: ReadonlySet<string> = new Set([
  "relaxedSimd",
  "maximumBytes",
  "threads",
  "createWorker",
  "module",
]);

/** The options of load, after checks. Each is read from the caller's object only once. */
export interface LoadSettings {
  relaxedSimd: boolean;
  maximumBytes: number | undefined;
  threads: number;
  createWorker: (() => unknown) | undefined;
  module: WebAssembly.Module | Uint8Array<ArrayBuffer> | undefined;
  /** The option that gives the module, for error messages. */
  source: "module" | "url";
}

/** Reads and checks the options that load and loadSync share. */
export function readLoadOptions(call: string, options: unknown, known = LOAD_OPTIONS): LoadSettings {
  checkOptions(call, "options", options, known);
  const given = options as { readonly [Name in keyof LoadOptions]: unknown };
  const { relaxedSimd = false, maximumBytes, threads = 1, createWorker, module } = given;
  checkBoolean(call, "relaxedSimd", relaxedSimd);
  if (maximumBytes !== undefined) checkNumber(call, "maximumBytes", maximumBytes, PAGE_BYTES);
  if (createWorker !== undefined && typeof createWorker !== "function") {
    throw typeError(call, "createWorker", "a function that returns a Worker", createWorker);
  }
  return {
    relaxedSimd: relaxedSimd as boolean,
    maximumBytes: maximumBytes as number | undefined,
    threads: Math.min(checkInteger(call, "threads", threads, 1), MOST_THREADS),
    createWorker: createWorker as (() => unknown) | undefined,
    module: module === undefined ? undefined : checkModule(call, module),
    source: "module",
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

/** The limit of a memory in pages, if one was asked for. */
export function pagesOf({ maximumBytes }: LoadSettings): number | undefined {
  return maximumBytes === undefined ? undefined : Math.floor(Math.min(maximumBytes, MOST_BYTES) / PAGE_BYTES);
}

/** Throws if a module that the caller supplies is not adanorm's. A foreign module that imports only a memory instantiates too. */
export function checkExports(call: string, { source }: LoadSettings, module: WebAssembly.Module): void {
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  if (names.includes("columnSums") && names.includes("isRelaxed")) return;
  throw new TypeError(
    `${call}: ${source}: expected adanorm's module, got one that exports ${names.join(", ") || "nothing"}`,
  );
}

/** A memory of one thread, with a limit in pages. */
function makeMemory(pages: number | undefined): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, ...(pages === undefined ? {} : { maximum: pages }) });
}

/**
 * The memory for a module that has failed with this error on memory of one thread: a build for shared memory. Only that failure
 * tells the builds apart. Throws if the host has no shared memory, or if it was another error.
 */
function makeOtherMemory(call: string, settings: LoadSettings, error: unknown): WebAssembly.Memory {
  if (!(error instanceof WebAssembly.LinkError)) throw error;
  const memory = makeSharedMemory(pagesOf(settings) ?? MOST_PAGES);
  if (memory) return memory;
  throw new TypeError(
    `${call}: ${settings.source}: expected a build for memory of one thread, as this host gives no shared memory, ` +
      "got a build for shared memory",
  );
}

async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<LinearMemory> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return new LinearMemory(memory, exports as unknown as Abi);
}

function instantiateSync(module: WebAssembly.Module, memory: WebAssembly.Memory): LinearMemory {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return new LinearMemory(memory, exports as unknown as Abi);
}

/**
 * Makes the kernels of a module, on a memory of their own.
 *
 * It calls the functions of WebAssembly, not AssemblyScript's loader. That has nothing that a module of plain numbers
 * needs, and it touches `Response`, for which Node loads all of fetch: 20 to 30 ms in a fresh process.
 */
export async function createKernels(module: WebAssembly.Module, settings: LoadSettings): Promise<Kernels> {
  try {
    return new LinearKernels(await instantiate(module, makeMemory(pagesOf(settings))));
  } catch (error) {
    return new LinearKernels(await instantiate(module, makeOtherMemory("load", settings, error)));
  }
}

/** The same as {@link createKernels}, synchronously, if the host allows that. */
export function createKernelsSync(module: WebAssembly.Module, settings: LoadSettings): Kernels {
  try {
    return new LinearKernels(instantiateSync(module, makeMemory(pagesOf(settings))));
  } catch (error) {
    return new LinearKernels(instantiateSync(module, makeOtherMemory("loadSync", settings, error)));
  }
}

/**
 * Makes kernels with threads. Engines copy to shared memory and from it several times more slowly than to memory of one thread, so
 * calls on arrays have an instance of the portable build to themselves.
 *
 * @param module the build for one thread; undefined if there is none, then arrays are copied to the shared memory.
 * @param pages the limit of the memory for arrays.
 */
export async function createSharedKernels(
  crew: Crew,
  module: WebAssembly.Module | undefined,
  pages: number | undefined,
): Promise<Kernels> {
  const forArrays = module && (await instantiate(module, makeMemory(pages)));
  return new LinearKernels(new LinearMemory(crew.memory, crew.abi, forArrays, crew.abi), crew.team);
}
