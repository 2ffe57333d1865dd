/** The module of the kernels, which this bundle contains. It is compiled once, in the background. */
import bytes from "../../build/adanorm.wasm";

let compiled: WebAssembly.Module | undefined;
let compiling: Promise<void> | undefined;

async function compile(): Promise<void> {
  compiled = await WebAssembly.compile(bytes);
}

/** Resolves when the module is compiled. Rejects if the host forbids that, or the engine has no WebAssembly SIMD. */
export function whenCompiled(): Promise<void> {
  compiling ??= compile();
  return compiling;
}

/** The module, or undefined until it is compiled. The first call starts the compilation. */
export function compiledModule(): WebAssembly.Module | undefined {
  // A failure is no error here, because operators can compute the norms. ready() reports it.
  if (!compiling) whenCompiled().catch(() => {});
  return compiled;
}
