/** The kernels' module, inlined and compiled once, in the background. */
import bytes from "../../build/adanorm.wasm";

let compiled: WebAssembly.Module | undefined;
let compiling: Promise<void> | undefined;

async function compile(): Promise<void> {
  compiled = await WebAssembly.compile(bytes);
}

/** Resolves when the module is compiled; rejects where the host forbids that, or the engine has no WebAssembly SIMD. */
export function whenCompiled(): Promise<void> {
  compiling ??= compile();
  return compiling;
}

/** The module where it is compiled already. The first call begins with that. */
export function compiledModule(): WebAssembly.Module | undefined {
  // Whoever wants to know why it fails asks ready(): here there is another way.
  if (!compiling) whenCompiled().catch(() => {});
  return compiled;
}
