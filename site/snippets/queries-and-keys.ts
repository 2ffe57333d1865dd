import { loadSync } from "adanorm";

const tokens = 10;
const size = 64; // of a head
const norm = loadSync().rmsNorm({ size });
// Queries, keys and values of each token side by side, as one product of matrices gives them.
const qkv = Float32Array.from({ length: tokens * 3 * size }, (_, i) => Math.sin(i));
const valuesBefore = qkv.slice(2 * size, 3 * size);

const queries = qkv;
const keys = qkv.subarray(size);
for (const slice of [queries, keys]) {
  norm.forward(slice, { rowStride: 3 * size, out: slice, stats: false });
}

const rms = (row: Float32Array) => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length);
console.log(rms(qkv.subarray(0, size)).toFixed(4), rms(qkv.subarray(size, 2 * size)).toFixed(4));
console.log(qkv.subarray(2 * size, 3 * size).every((value, i) => value === valuesBefore[i]));
