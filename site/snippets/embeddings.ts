import { loadSync } from "adanorm";

const kernels = loadSync();
const size = 16; // what the model gives
const dimensions = 8; // what is stored

const means = Float32Array.from({ length: 2 * size }, (_, i) => Math.sin(i * i)); // the mean of the tokens of two texts
kernels.layerNorm({ size }).forward(means, { out: means, stats: false });
// The first dimensions of each row: rows lie `size` apart, and nothing is copied before.
const { y } = kernels.l2Norm({ size: dimensions }).forward(means, { rowStride: { x: size }, stats: false });
const { values, scale } = kernels.rows(dimensions).int8(y);

console.log(values.join(" "));
console.log(Array.from(scale, (value) => value.toFixed(5)).join(" "));
