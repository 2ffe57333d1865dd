/** ONNX Runtime, the WebAssembly build, with SIMD and on one thread. */
import type { Job } from "../job.ts";
import { prepare, type Runtime } from "./onnxruntime.ts";
import { installedVersion } from "./version.ts";

const name: string = "onnxruntime-web";

export async function open() {
  const runtime: Runtime = await import(name);
  runtime.env.wasm.numThreads = 1;
  return { version: installedVersion(name), prepare: (job: Job) => prepare(runtime, "wasm", job) };
}
