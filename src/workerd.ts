/**
 * The package in Cloudflare Workers, where bytes cannot be compiled, or only while a Worker starts (compatibility dates from
 * 2025-06-01 on): modules are imported, and come compiled. Bundlers for this host resolve the "workerd" condition, and
 * leave the .wasm files to it.
 */
import portable from "./adanorm.wasm";
import { readLoadOptions } from "./kernels.js";
import { loadFrom, loadSyncFrom, type Modules } from "./load.js";
import type { Kernels, LoadOptions } from "./types.js";

const modules: Modules = {
  portable: async () => portable,
  relaxed: async () => (await import("./adanorm.relaxed.wasm")).default,
};

/** As in the main entry. */
export async function load(options: LoadOptions = {}): Promise<Kernels> {
  return loadFrom(modules, readLoadOptions("load", options));
}

/** As in the main entry, without a limit on this host: nothing is left to compile. */
export function loadSync(options: LoadOptions = {}): Kernels {
  return loadSyncFrom(() => portable, options);
}
