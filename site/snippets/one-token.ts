import { loadSync } from "adanorm";

const size = 64;
const kernels = loadSync();
const norm = kernels.rmsNorm({ size });
const gain = kernels.matrix(new Float32Array(size).fill(0.5), size);
const token = kernels.matrix(1, size);

// Arguments are checked once. Each run is then the kernel and little else.
const call = norm.prepareForward(token, { gain });
for (let step = 1; step <= 3; step++) {
  token.data.set(Float32Array.from({ length: size }, (_, i) => Math.sin(step * i)));
  const { y } = call.run();
  console.log(step, y.data[1]?.toFixed(4));
}
call.free();
