/**
 * The package with its modules in files of their own, which are fetched: less to parse, and cached by themselves.
 *
 * @module adanorm/url
 */
import { typeError } from "./checks.js";
import { LOAD_OPTIONS, readLoadOptions } from "./kernels.js";
import { loadFrom } from "./load.js";
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
} from "./types.js";

/** Options of load by URL: those of the main entry, and where to fetch from. */
export interface UrlLoadOptions extends LoadOptions {
  /**
   * Where the module is to be had: a URL, or one relative to the page. Default: adanorm.wasm beside this file, or
   * adanorm.relaxed.wasm with relaxedSimd where the engine has that. A URL that is given stands for either. Where
   * `module` is given, nothing is fetched.
   */
  url?: string | URL | undefined;
}

const URL_OPTIONS: ReadonlySet<string> = new Set([...LOAD_OPTIONS, "url"]);

/** One module for each URL. A failure is not kept: the next call tries again. */
const compiled = new Map<string, Promise<WebAssembly.Module>>();

async function fetchModule(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`load: url: expected a module at ${url}, got status ${response.status}`);
  // compileStreaming refuses every other type, and even this one with a parameter behind it.
  const type = response.headers.get("content-type")?.trim().toLowerCase();
  if (type === "application/wasm" && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

function compile(url: string): Promise<WebAssembly.Module> {
  const known = compiled.get(url);
  if (known) return known;
  const promise = fetchModule(url);
  compiled.set(url, promise);
  promise.catch(() => compiled.delete(url));
  return promise;
}

/**
 * Loads the kernels from a URL. Compiles once a page for each URL; each call gives an instance with a memory of its own.
 * A failure is not remembered: the next call tries again.
 *
 * @param options see {@link UrlLoadOptions}; all optional.
 * @returns a promise of the kernels.
 * @throws (rejects) TypeError where the URL cannot be reached, Error where it answers with a failure, its status in the
 * message, WebAssembly.CompileError where it answers with something else than a module, and as the main entry's load
 * does.
 */
export async function load(options: UrlLoadOptions = {}): Promise<Kernels> {
  const settings = readLoadOptions("load", options, URL_OPTIONS);
  const { url } = options;
  if (url !== undefined && typeof url !== "string" && !(url instanceof URL)) {
    throw typeError("load", "url", "a string or a URL", url);
  }
  const at = (beside: () => URL) => compile(String(url ?? beside()));
  return loadFrom(
    {
      portable: () => at(() => new URL("./adanorm.wasm", import.meta.url)),
      relaxed: () => at(() => new URL("./adanorm.relaxed.wasm", import.meta.url)),
    },
    settings,
  );
}
