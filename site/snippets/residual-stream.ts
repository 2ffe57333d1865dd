import { loadSync } from "adanorm";

const size = 4;
const norm = loadSync().rmsNorm({ size });
const stream = Float32Array.of(1, 2, 3, 4); // the residual stream
const added = Float32Array.of(0.5, -0.5, 0.5, -0.5); // what a layer adds to it

// One call adds, stores the sum where the stream was, and normalises it.
const { y, sum, ...stats } = norm.forward(added, { residual: stream, sum: stream });
console.log(sum === stream, stream.join(" "));
console.log(Array.from(y, (value) => value.toFixed(4)).join(" "));

// On the way back, dSum is what later layers ask of the stream. The result is the gradient of both parts of the sum.
const dy = Float32Array.of(1, 0, 0, 0);
const dStream = Float32Array.of(0, 0, 0, 1);
const { dx } = norm.backward(dy, sum, stats, { dSum: dStream });
console.log(Array.from(dx, (value) => value.toFixed(4)).join(" "));
