import { loadSync } from "adanorm";

const kernels = loadSync();
const size = 4;
const norm = kernels.layerNorm({ size, dtype: "bf16" });
// matrix() converts: f32 in, bf16 in memory.
const gain = kernels.matrix(Float32Array.of(1, 0.9, 1.1, 1), size, "bf16");
const x = kernels.matrix(Float32Array.of(1, 2, 3, 4), size, "bf16");

const { y } = norm.forward(x, { gain });
console.log(y.dtype, y.toArray().constructor.name);
console.log(y.toFloat32().join(" "));
