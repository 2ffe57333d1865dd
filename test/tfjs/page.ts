/** The suite on a page. A page that is isolated from other origins has the wasm backend with threads and shared memory. */
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { tell } from "../browsers/tell.ts";
import { assert } from "./harness.ts";
import { wasmOf } from "./routes.ts";
import { runSuite } from "./suite.ts";

async function run() {
  setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  await tf.setBackend("wasm");
  const isShared = typeof SharedArrayBuffer !== "undefined" && wasmOf().HEAPU8.buffer instanceof SharedArrayBuffer;
  assert(isShared === crossOriginIsolated, "threads where the page is isolated");
  const report = await runSuite("in place");
  return { ...report, digest: undefined, relaxedSimd: false, sync: true, threads: false };
}

tell(run());
