/** How the kernels work on the tensors of the backend that is set. */
import { engine, type KernelBackend } from "@tensorflow/tfjs-core";
import { importableMemory, isMemoryOfTensors, isWasmBackend, type WasmBackend } from "./backend.js";
import type { Route } from "./batch.js";
import { CopyingRoute } from "./copies.js";
import { compiledModule } from "./module.js";
import { ResidentRoute } from "./resident.js";

/** The route of a backend, and what it was found for: a backend that has become another one gets another route. */
interface Entry {
  wasm: object | null;
  asm: object | undefined;
  route: Route | undefined;
}

const entries = new WeakMap<KernelBackend, Entry>();

/** In the backend's own memory, or else by copies, or not at all where it is not what it looks like. */
function findRoute(backend: WasmBackend, module: WebAssembly.Module): Route | undefined {
  try {
    const memory = importableMemory(backend);
    if (memory && isMemoryOfTensors(backend, memory.buffer)) return new ResidentRoute(backend, memory, module);
  } catch {
    // A memory that the module does not accept: one of 64-bit addresses, say.
  }
  try {
    const { buffer } = (backend.wasm as { HEAPU8: Uint8Array }).HEAPU8;
    return isMemoryOfTensors(backend, buffer) ? new CopyingRoute(backend, module) : undefined;
  } catch {
    return undefined;
  }
}

/** The way for the kernels; undefined where there is none, or none yet, and TensorFlow.js's operators do the work. */
export function currentRoute(): Route | undefined {
  const { backend } = engine();
  if (!isWasmBackend(backend)) return undefined;
  const module = compiledModule();
  if (!module) return undefined;
  const { wasm } = backend;
  const asm = wasm?.asm;
  let entry = entries.get(backend);
  if (!entry || entry.wasm !== wasm || entry.asm !== asm) {
    entry = { wasm, asm, route: findRoute(backend, module) };
    entries.set(backend, entry);
  }
  return entry.route;
}
