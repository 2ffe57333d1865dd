import { loadSync } from "adanorm";

const size = 4;
const kernels = loadSync();
const norm = kernels.layerNorm({ size });
const gain = kernels.matrix(Float32Array.of(1, 1, 1, 2), size);
const bias = kernels.matrix(Float32Array.of(0, 0, 0, 1), size);
const stream = kernels.matrix(1, size);
const branch = kernels.matrix(1, size);
const normed = kernels.matrix(1, size);

// Checked once: the branch is added to the stream, the sum stays there, and its norm goes to `normed`.
const call = norm.prepareForward(branch, { gain, bias, residual: stream, sum: stream, out: normed });

// For each character, `branch` is what the layer before gave.
for (let character = 1; character <= 3; character++) {
  branch.data.set(Float32Array.of(1, 2, 3, 4 * character));
  call.run();
  console.log(stream.data.join(" "), "|", Array.from(normed.data, (value) => value.toFixed(3)).join(" "));
}
for (const one of [call, gain, bias, stream, branch, normed]) one.free();
