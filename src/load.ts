/** The common part of load and loadSync of all entries, which differ in how they get the modules. */
import {
  checkExports,
  createKernels,
  createKernelsSync,
  createSharedKernels,
  type LoadSettings,
  pagesOf,
  readLoadOptions,
} from "./kernels.js";
import { hasRelaxedSimd } from "./relaxed-probe.js";
import { MOST_PAGES } from "./shared-memory.js";
import type { Kernels } from "./types.js";

/** How an entry gets its modules. */
export interface Modules {
  portable(): Promise<WebAssembly.Module>;
  relaxed(): Promise<WebAssembly.Module>;
  /** What threads need; undefined for hosts that have none. */
  readonly threads?: {
    /** The bundle of threads.ts. */
    code(): Promise<typeof import("./threads.js")>;
    /** The builds for shared memory. */
    portable(): Promise<WebAssembly.Module>;
    relaxed(): Promise<WebAssembly.Module>;
  };
}

/** The part of a limit that is set aside for calls on arrays. */
const FOR_ARRAYS = 1 / 4;

export async function loadFrom(modules: Modules, settings: LoadSettings): Promise<Kernels> {
  const { module, relaxedSimd } = settings;
  const isRelaxed = relaxedSimd && hasRelaxedSimd();
  const given = module instanceof Uint8Array ? await WebAssembly.compile(module) : module;
  if (given) checkExports("load", settings, given);
  const kernels = await loadThreads(modules, settings, given, isRelaxed);
  if (kernels) return kernels;
  if (given !== undefined) return createKernels(given, settings);
  return createKernels(await (isRelaxed ? modules.relaxed() : modules.portable()), settings);
}

/** Loads kernels with threads. Undefined if none were asked for, or the host has none. `given` is the caller's module. */
async function loadThreads(
  modules: Modules,
  settings: LoadSettings,
  given: WebAssembly.Module | undefined,
  isRelaxed: boolean,
): Promise<Kernels | undefined> {
  const { threads, createWorker } = settings;
  if (threads === 1 || !modules.threads) return undefined;
  const { gather } = await modules.threads.code();
  const { portable, relaxed } = modules.threads;
  const pages = pagesOf(settings);
  const forArrays = pages === undefined || given ? 0 : Math.floor(pages * FOR_ARRAYS);
  const crew = await gather(async () => given ?? (isRelaxed ? relaxed() : portable()), {
    threads,
    createWorker,
    pages: (pages ?? MOST_PAGES) - forArrays,
  });
  if (!crew) return undefined;
  const hasOwn = !given && (pages === undefined || forArrays > 0);
  const module = hasOwn ? await (isRelaxed ? modules.relaxed() : modules.portable()) : undefined;
  return createSharedKernels(crew, module, pages && forArrays);
}

export function loadSyncFrom(portable: () => WebAssembly.Module, options: unknown): Kernels {
  const settings = readLoadOptions("loadSync", options);
  const { module } = settings;
  if (module === undefined) return createKernelsSync(portable(), settings);
  const given = module instanceof Uint8Array ? new WebAssembly.Module(module) : module;
  checkExports("loadSync", settings, given);
  return createKernelsSync(given, settings);
}
