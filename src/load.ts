/** What load and loadSync have in common, however an entry comes by the modules. */
import { checkLoadOptions, createKernels, createKernelsSync, isBufferSource } from "./kernels.js";
import { hasRelaxedSimd } from "./relaxed-probe.js";
import type { Kernels, LoadOptions } from "./types.js";

/** Where the modules of an entry come from. */
export interface Modules {
  portable(): Promise<WebAssembly.Module>;
  relaxed(): Promise<WebAssembly.Module>;
}

export async function loadFrom(modules: Modules, options: LoadOptions): Promise<Kernels> {
  checkLoadOptions("load", options);
  const { module, relaxedSimd } = options;
  if (module !== undefined) {
    return createKernels(isBufferSource(module) ? await WebAssembly.compile(module) : module, options);
  }
  return createKernels(await (relaxedSimd && hasRelaxedSimd() ? modules.relaxed() : modules.portable()), options);
}

export function loadSyncFrom(portable: () => WebAssembly.Module, options: LoadOptions): Kernels {
  checkLoadOptions("loadSync", options);
  const { module } = options;
  if (module === undefined) return createKernelsSync(portable(), options);
  return createKernelsSync(isBufferSource(module) ? new WebAssembly.Module(module) : module, options);
}
