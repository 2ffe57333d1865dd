/**
 * The parts of TensorFlow.js's wasm backend that are used here. They are not documented, so the functions of this file test
 * whether a backend has them, and whether they work as expected.
 */
import { type DataType, engine, type KernelBackend, type Tensor, type TensorInfo } from "@tensorflow/tfjs-core";

/** The wasm backend. */
export interface WasmBackend extends KernelBackend {
  /** Emscripten's module; null once the backend is disposed. */
  wasm: { HEAPU8: Uint8Array; asm?: object; wasmMemory?: unknown } | null;
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
}

const isFunction = (value: unknown): boolean => typeof value === "function";

/** Whether a backend has all parts of {@link WasmBackend}. */
export function isWasmBackend(backend: KernelBackend): backend is WasmBackend {
  const { wasm, dataIdMap, makeOutput, disposeData } = backend as Partial<WasmBackend>;
  return (
    wasm?.HEAPU8 instanceof Uint8Array &&
    isFunction(dataIdMap?.get) &&
    isFunction(makeOutput) &&
    isFunction(disposeData)
  );
}

/** The linear memory of the backend. The build with threads has shared memory, which it keeps beside its exports. */
export function importableMemory({ wasm }: WasmBackend): WebAssembly.Memory | undefined {
  const candidates = [...Object.values(wasm?.asm ?? {}), wasm?.wasmMemory];
  const memory = candidates.find((value) => value instanceof WebAssembly.Memory);
  /* v8 ignore next -- only isolated pages have TensorFlow.js's threads: test/tfjs/page.ts */
  if (memory && isShared(memory)) return memory;
  return memory && memory.buffer === wasm?.HEAPU8.buffer ? memory : undefined;
}

export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return !((buffer as object) instanceof ArrayBuffer);
}

/** The address of a tensor's data in the memory of the backend. Data of another backend is moved here first. */
export function addressOf(backend: WasmBackend, { dataId }: TensorInfo): number {
  return backend.dataIdMap.get(dataId).memoryOffset;
}

/** Tests whether the backend reads from a tensor what was written to its address in `buffer`. */
export function isMemoryOfTensors(backend: WasmBackend, buffer: ArrayBufferLike): boolean {
  const values = [0.5, -3, 7.25];
  const probe = backend.makeOutput([values.length], "float32");
  try {
    const address = addressOf(backend, probe);
    if (!Number.isInteger(address) || address <= 0 || address % 4 !== 0) return false;
    new Float32Array(buffer, address, values.length).set(values);
    const read = backend.readSync(probe.dataId) as Float32Array;
    return values.every((value, i) => read[i] === value);
  } finally {
    backend.disposeData(probe.dataId);
  }
}

/**
 * Makes a float32 tensor, uninitialized.
 *
 * @throws RangeError if the memory of the backend is exhausted.
 */
export function makeTensor(backend: WasmBackend, call: string, shape: number[]): Tensor {
  const tensor = engine().makeTensorFromTensorInfo(backend.makeOutput(shape, "float32"), backend);
  if (tensor.size > 0 && addressOf(backend, tensor) === 0) {
    tensor.dispose();
    throw outOfMemory(call, tensor.size * 4);
  }
  return tensor;
}

/**
 * Runs `body` with the address of `bytes` of scratch memory, a multiple of 8. The memory is freed when `body` returns.
 *
 * @throws RangeError if the memory of the backend is exhausted.
 */
export function withScratch<T>(backend: WasmBackend, call: string, bytes: number, body: (address: number) => T): T {
  // The engine of TensorFlow.js does not know this tensor, so tf.memory() does not count it.
  const block = backend.makeOutput([Math.ceil(bytes / 4) + 1], "int32");
  try {
    const address = addressOf(backend, block);
    if (address === 0) throw outOfMemory(call, bytes);
    return body(address + (address % 8));
  } finally {
    backend.disposeData(block.dataId);
  }
}

function outOfMemory(call: string, bytes: number): RangeError {
  return new RangeError(`${call}: memory: expected room for ${bytes} bytes more in TensorFlow.js's memory, got none`);
}
