/** ONNX Runtime, the native build. */
import type { Job } from "../job.ts";
import { prepare, type Runtime } from "./onnxruntime.ts";
import { installedVersion } from "./version.ts";

const name: string = "onnxruntime-node";

export async function open() {
  const runtime: Runtime = await import(name);
  return { version: installedVersion(name), prepare: (job: Job) => prepare(runtime, "cpu", job) };
}
