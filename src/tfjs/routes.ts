/** Finds how the kernels can work on the tensors of the current backend. */
import { engine, type KernelBackend } from "@tensorflow/tfjs-core";
import { importableMemory, isMemoryOfTensors, isShared, isWasmBackend, type WasmBackend } from "./backend.js";
import type { Route } from "./batch.js";
import { CopyingRoute } from "./copies.js";
import { portableBuild, sharedBuild } from "./module.js";
import { ResidentRoute } from "./resident.js";

/** The route of a backend, and the objects that it was found for. If these objects change, the route is found again. */
interface Entry {
  wasm: object | null;
  asm: object | undefined;
  route: Route | undefined;
}

const entries = new WeakMap<KernelBackend, Entry>();

/** The resident route if it works, else the copying route. Undefined if the backend does not behave as expected. */
function findRoute(
  backend: WasmBackend,
  memory: WebAssembly.Memory | undefined,
  module: WebAssembly.Module,
): Route | undefined {
  try {
    /* v8 ignore next -- only isolated pages have TensorFlow.js's threads: test/tfjs/page.ts */
    const build = memory && isShared(memory) ? sharedBuild().module : module;
    if (build && memory && isMemoryOfTensors(backend, memory.buffer)) return new ResidentRoute(backend, memory, build);
  } catch {
    // The module does not accept this memory: it may have 64-bit addresses.
  }
  try {
    const { buffer } = (backend.wasm as { HEAPU8: Uint8Array }).HEAPU8;
    return isMemoryOfTensors(backend, buffer) ? new CopyingRoute(backend, module) : undefined;
  } catch {
    return undefined;
  }
}

/** The route of the current backend. Undefined if there is none, or none yet: then operators compute the norms. */
export function currentRoute(): Route | undefined {
  const { backend } = engine();
  if (!isWasmBackend(backend)) return undefined;
  const { module } = portableBuild();
  if (!module) return undefined;
  const { wasm } = backend;
  const asm = wasm?.asm;
  let entry = entries.get(backend);
  if (!entry || entry.wasm !== wasm || entry.asm !== asm) {
    const memory = importableMemory(backend);
    /* v8 ignore next 4 -- as above */
    if (memory && isShared(memory)) {
      const { module: build, hasFailed } = sharedBuild();
      if (!build && !hasFailed) return undefined;
    }
    entry = { wasm, asm, route: findRoute(backend, memory, module) };
    entries.set(backend, entry);
  }
  return entry.route;
}
