/**
 * The package with its modules in separate files, which it fetches: there is less JavaScript to parse, and the modules are
 * cached separately.
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
  ThreadWorker,
} from "./types.js";

/** Options of load in this entry: those of the main entry, and the URL to fetch from. */
export interface UrlLoadOptions extends LoadOptions {
  /**
   * The URL of the module, absolute or relative to the page. Default: adanorm.wasm beside this file, or
   * adanorm.relaxed.wasm if `relaxedSimd` is set and the engine has it; for threads also adanorm.shared.wasm or
   * adanorm.shared.relaxed.wasm. If a URL is given, it is used for all builds: for threads it must be that of a build for shared
   * memory. If `module` is given, nothing is fetched.
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

function compile(url: string): Promise<WebAssembly.Module> {
  const known = compiled.get(url);
  if (known) return known;
  const promise = fetchModule(url);
  compiled.set(url, promise);
  promise.catch(() => compiled.delete(url));
  return promise;
}

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
  const at = (beside: () => URL) => compile(String(url ?? beside()));
  // Threads take the module of the URL as they take one that is given: there is no second one for arrays.
  const isAll = url !== undefined && settings.threads > 1;
  const module = settings.module ?? (isAll ? await compile(String(url)) : undefined);
  return loadFrom(
    {
      portable: () => at(() => new URL("./adanorm.wasm", import.meta.url)),
      relaxed: () => at(() => new URL("./adanorm.relaxed.wasm", import.meta.url)),
      threads: {
        code: () => import("./threads.js"),
        portable: () => at(() => new URL("./adanorm.shared.wasm", import.meta.url)),
        relaxed: () => at(() => new URL("./adanorm.shared.relaxed.wasm", import.meta.url)),
      },
    },
    { ...settings, module },
  );
}
