/**
 * The modules of the kernels, each compiled once, in the background: the portable build, which this bundle contains, and the
 * build for shared memory, which is loaded only for a backend that has such memory.
 */
import bytes from "../../build/adanorm.wasm";

/** A module while it is compiled, and after that. */
interface Compilation {
  readonly done: Promise<void>;
  module: WebAssembly.Module | undefined;
  /** Whether the host forbids it, or the engine has no WebAssembly SIMD. */
  hasFailed: boolean;
}

let portable: Compilation | undefined;
let shared: Compilation | undefined;

function compile(source: Promise<Uint8Array<ArrayBuffer>>): Compilation {
  const compilation: Compilation = {
    done: source.then(async (code) => {
      compilation.module = await WebAssembly.compile(code);
    }),
    module: undefined,
    hasFailed: false,
  };
  // A failure is no error here, because operators can compute the norms. ready() reports it.
  compilation.done.catch(() => {
    compilation.hasFailed = true;
  });
  return compilation;
}

/** The portable build. The first call starts its compilation. */
export function portableBuild(): Compilation {
  portable ??= compile(Promise.resolve(bytes));
  return portable;
}

/** The build for shared memory, likewise. */
export function sharedBuild(): Compilation {
  shared ??= compile(import("../shared.js").then((bundle) => bundle.default));
  return shared;
}

/**
 * Resolves when the modules are compiled that the backend may need. Rejects if the host forbids that, or the engine has no
 * WebAssembly SIMD.
 */
export async function whenCompiled(): Promise<void> {
  // TensorFlow.js has threads only in isolated pages.
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  /* v8 ignore next -- test/tfjs/page.ts */
  const others = crossOriginIsolated ? sharedBuild().done.catch(() => {}) : undefined;
  await portableBuild().done;
  await others;
}
