/** The common part of load and loadSync of all entries, which differ in how they get the modules. */
import { createKernels, createKernelsSync, type LoadSettings, readLoadOptions } from "./kernels.js";
import { hasRelaxedSimd } from "./relaxed-probe.js";
import type { Kernels } from "./types.js";

/** How an entry gets its two modules. */
export interface Modules {
  portable(): Promise<WebAssembly.Module>;
  relaxed(): Promise<WebAssembly.Module>;
}

export async function loadFrom(modules: Modules, settings: LoadSettings): Promise<Kernels> {
  const { module, relaxedSimd } = settings;
  if (module !== undefined) {
    return createKernels(module instanceof Uint8Array ? await WebAssembly.compile(module) : module, settings);
  }
  return createKernels(await (relaxedSimd && hasRelaxedSimd() ? modules.relaxed() : modules.portable()), settings);
}

export function loadSyncFrom(portable: () => WebAssembly.Module, options: unknown): Kernels {
  const settings = readLoadOptions("loadSync", options);
  const { module } = settings;
  if (module === undefined) return createKernelsSync(portable(), settings);
  return createKernelsSync(module instanceof Uint8Array ? new WebAssembly.Module(module) : module, settings);
}
