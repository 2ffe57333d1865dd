import { load } from "adanorm";

const kernels = await load();
const norm = kernels.layerNorm({ size: 4 });

const x = Float32Array.of(1, 2, 3, 4, 10, 20, 30, 50); // two rows of four
const { y, mean, rstd } = norm.forward(x);

console.log(Array.from(y, (value) => value.toFixed(3)).join(" "));
console.log(mean.join(" "), rstd.length);
