/**
 * The package with its modules in separate files, which it fetches: there is less JavaScript to parse, and the modules are
 * cached separately.
 *
 * @module adanorm/url
 */
import { typeError } from "./checks.js";
import { LOAD_OPTIONS, readLoadOptions } from "./kernels.js";
import { loadFrom, type Modules } from "./load.js";
import type { Kernels, LoadOptions } from "./types.js";

export type {
  AdaNormOptions,
  Backward,
  BackwardOptions,
  DType,
  ElementArray,
  Forward,
  ForwardOptions,
  HalfArray,
  HostArray,
  Kernels,
  LoadOptions,
  Matrix,
  Norm,
  Params,
  Prepared,
  RowStats,
  RowStride,
  Rows,
  StatsOptions,
  SummedForward,
  ThreadWorker,
} from "./types.js";

/** Options of load in this entry: those of the main entry, and the URL to fetch from. */
export interface UrlLoadOptions extends LoadOptions {
  /**
   * The URL of the module, absolute or relative to the page. Default: adanorm.wasm beside this file, or
   * adanorm.relaxed.wasm if `relaxedSimd` is set and the engine has it; for threads also adanorm.shared.wasm or
   * adanorm.shared.relaxed.wasm. If a URL is given, there is no other module: for threads it must be that of a build for shared
   * memory, and with another there is one thread. If `module` is given, nothing is fetched.
   */
  url?: string | URL | undefined;
}

const URL_OPTIONS: ReadonlySet<string> = new Set([...LOAD_OPTIONS, "url"]);

/** One compiled module for each URL. Failures are removed, so that the next call tries again. */
const compiled = new Map<string, Promise<WebAssembly.Module>>();

async function fetchModule(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`load: url: expected a module at ${url}, got status ${response.status}`);
  // compileStreaming accepts only this content type, without any parameter.
  const type = response.headers.get("content-type")?.trim().toLowerCase();
  if (type === "application/wasm" && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

function compile(from: string | URL): Promise<WebAssembly.Module> {
  const url = String(from);
  const known = compiled.get(url);
  if (known) return known;
  const promise = fetchModule(url);
  compiled.set(url, promise);
  promise.catch(() => compiled.delete(url));
  return promise;
}

const modules: Modules = {
  portable: () => compile(new URL("./adanorm.wasm", import.meta.url)),
  relaxed: () => compile(new URL("./adanorm.relaxed.wasm", import.meta.url)),
  threads: {
    code: () => import("./threads.js"),
    portable: () => compile(new URL("./adanorm.shared.wasm", import.meta.url)),
    relaxed: () => compile(new URL("./adanorm.shared.relaxed.wasm", import.meta.url)),
  },
};

/**
 * Loads the kernels from a URL. Compiles only once in a page for each URL. Each call gives an instance with a linear memory
 * of its own. After a failure, the next call tries again.
 *
 * @param options see {@link UrlLoadOptions}; all optional.
 * @returns a promise of the kernels.
 * @throws (rejects) TypeError if the URL cannot be reached; Error, with the status in its message, if the server answers
 * with a failure; WebAssembly.CompileError if the answer is not a module; and the errors of the main entry's load.
 */
export async function load(options: UrlLoadOptions = {}): Promise<Kernels> {
  const settings = readLoadOptions("load", options, URL_OPTIONS);
  const { url } = options;
  if (url !== undefined && typeof url !== "string" && !(url instanceof URL)) {
    throw typeError("load", "url", "a string or a URL", url);
  }
  // The module of the URL is taken as one that is given is: there is none besides it.
  if (settings.module === undefined && url !== undefined) {
    return loadFrom(modules, { ...settings, module: await compile(url), source: "url" });
  }
  return loadFrom(modules, settings);
}
