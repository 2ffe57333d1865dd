import { load } from "adanorm";

const kernels = await load({ threads: 2 });
const norm = kernels.layerNorm({ size: 768 });
const batch = kernels.matrix(4096, 768);
norm.forward(batch, { out: batch });

console.log(kernels.threads);
kernels.close();
