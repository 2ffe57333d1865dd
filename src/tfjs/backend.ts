/**
 * As much of TensorFlow.js's wasm backend as is used here. None of it is documented: whether it is as described, and does
 * what it should, is found out by trying.
 */
import { type DataType, engine, type KernelBackend, type Tensor, type TensorInfo } from "@tensorflow/tfjs-core";

/** The wasm backend. */
export interface WasmBackend extends KernelBackend {
  /** Emscripten's module; null once the backend is disposed. */
  wasm: { HEAPU8: Uint8Array; asm?: object } | null;
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
}

const isFunction = (value: unknown): boolean => typeof value === "function";

/** Whether a backend has all the parts that are used of the wasm backend. */
export function isWasmBackend(backend: KernelBackend): backend is WasmBackend {
  const { wasm, dataIdMap, makeOutput, disposeData } = backend as Partial<WasmBackend>;
  return (
    wasm?.HEAPU8 instanceof Uint8Array &&
    isFunction(dataIdMap?.get) &&
    isFunction(makeOutput) &&
    isFunction(disposeData)
  );
}

/** The linear memory of the backend, where a module that does not share its memory between threads can import it. */
export function importableMemory({ wasm }: WasmBackend): WebAssembly.Memory | undefined {
  const memory = Object.values(wasm?.asm ?? {}).find((value) => value instanceof WebAssembly.Memory);
  const isPlain = memory?.buffer instanceof ArrayBuffer && memory.buffer === wasm?.HEAPU8.buffer;
  return isPlain ? memory : undefined;
}

/** Where the data of a tensor lies in the backend's memory; data that lies on another backend is moved first. */
export function addressOf(backend: WasmBackend, { dataId }: TensorInfo): number {
  return backend.dataIdMap.get(dataId).memoryOffset;
}

/** Whether what is written at a tensor's address is what the backend reads from the tensor. */
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
 * A float32 tensor with nothing written to it yet.
 *
 * @throws RangeError when the backend has no memory left.
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
 * Runs `body` with `bytes` of memory that are its own until it returns, at an address that is a multiple of 8.
 *
 * @throws RangeError when the backend has no memory left.
 */
export function withScratch<T>(backend: WasmBackend, call: string, bytes: number, body: (address: number) => T): T {
  // To the engine this is no tensor: tf.memory() does not count it, and it is gone before anybody could ask.
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
