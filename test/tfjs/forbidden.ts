/** If compiling is forbidden, ready() says so, and operators do the work. Runs in Node, which does not forbid it by itself. */
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { layerNorm, ready } from "adanorm/tfjs";

await tf.setBackend("wasm");
const reason = new WebAssembly.CompileError("forbidden here");
WebAssembly.compile = () => Promise.reject(reason);
const x = tf.tensor2d([[1, 2, 3, 6]]);
for (let i = 0; i < 2; i++) {
  const { kernelNames } = await tf.profile(() => layerNorm(x));
  assert.ok(kernelNames.includes("Rsqrt"), "operators do the work");
  await assert.rejects(ready(), reason);
}
console.log(JSON.stringify({ passed: 1, failed: [] }));
