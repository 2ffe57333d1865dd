/**
 * The entry for Cloudflare Workers. This host does not compile bytes, or only while a Worker starts (compatibility dates of
 * 2025-06-01 or later). So this entry imports the modules, which the host compiles. Bundlers for this host resolve the
 * "workerd" condition and leave the .wasm imports to the host.
 */
import portable from "./adanorm.wasm";
import { readLoadOptions } from "./kernels.js";
import { loadFrom, loadSyncFrom, type Modules } from "./load.js";
import type { Kernels, LoadOptions } from "./types.js";

const modules: Modules = {
  portable: async () => portable,
  relaxed: async () => (await import("./adanorm.relaxed.wasm")).default,
};

/** The same as in the main entry. */
export async function load(options: LoadOptions = {}): Promise<Kernels> {
  return loadFrom(modules, readLoadOptions("load", options));
}

/** The same as in the main entry. It always works on this host, because the module is compiled already. */
export function loadSync(options: LoadOptions = {}): Kernels {
  return loadSyncFrom(() => portable, options);
}
