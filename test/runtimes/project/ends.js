/** A program with threads, which must end by itself: prints their number as JSON. Argument: close, if it is to end them first. */
import { argv } from "node:process";
import { load } from "adanorm";

const kernels = await load({ threads: 3 });
const x = kernels.matrix(1000, 700);
const norm = kernels.adaNorm({ size: 700 });
for (let i = 0; i < 5; i++) norm.forward(x, { out: x });
console.log(JSON.stringify(kernels.threads));
if (argv.includes("close")) kernels.close();
