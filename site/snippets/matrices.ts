import { load } from "adanorm";

const kernels = await load();
const norm = kernels.rmsNorm({ size: 768 });

const batch = kernels.matrix(32, 768); // zeros, in the memory of the kernels
batch.data.set(batch.data.map((_, i) => Math.sin(i)));
norm.forward(batch, { out: batch, stats: false }); // in place: nothing is copied

console.log(batch.rows, batch.cols, kernels.memory.used);
batch.free();
console.log(kernels.memory.used);
