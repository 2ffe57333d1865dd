import { loadSync } from "adanorm";

const size = 3;
const norm = loadSync().layerNorm({ size });
const gain = Float32Array.of(1, 0.5, 2);
const x = Float32Array.of(1, 2, 3, 4, 0, -4);
const dy = Float32Array.of(1, 0, 2, 3, 1, -1);

const whole = norm.backward(dy, x, undefined, { gain });

// The same batch, a row at a time: dGain and dBias add up.
const out = { dGain: new Float32Array(size), dBias: new Float32Array(size) };
for (let start = 0; start < x.length; start += size) {
  const [row, dRow] = [x.subarray(start, start + size), dy.subarray(start, start + size)];
  norm.backward(dRow, row, undefined, { gain, out, accumulate: true });
}

console.log(Array.from(whole.dGain, (value) => value.toFixed(4)).join(" "));
console.log(Array.from(out.dGain, (value) => value.toFixed(4)).join(" "));
