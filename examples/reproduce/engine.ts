/** TensorFlow.js on its WebAssembly backend, with the gradients that training needs and the backend lacks. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
// Imported for its effect: it registers the gradients of all operators.
import "@tensorflow/tfjs-layers";
import { mendConvolution } from "./mends/convolution.ts";
import { mendGather } from "./mends/gather.ts";
import { mendMatMul } from "./mends/matmul.ts";

/** Starts the engine with one thread, because whole runs go on in parallel. */
export async function startEngine(): Promise<void> {
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  setWasmPaths(join(folder, "dist/"));
  setThreadsCount(1);
  if (!(await tf.setBackend("wasm"))) throw new Error("the WebAssembly backend of TensorFlow.js does not start");
  await tf.ready();
  mendMatMul();
  mendConvolution();
  mendGather();
}
