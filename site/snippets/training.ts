import { loadSync } from "adanorm";

const size = 4;
const norm = loadSync().layerNorm({ size });
const gain = new Float32Array(size).fill(1);
const bias = new Float32Array(size);

// The task: y = 2 z - 1, where z is the normalised row.
const x = Float32Array.from({ length: 16 * size }, (_, i) => Math.sin(i * i));
const wanted = loadSync()
  .layerNormSimple({ size })
  .forward(x)
  .y.map((z) => 2 * z - 1);

for (let step = 0; step <= 60; step++) {
  const { y, ...stats } = norm.forward(x, { gain, bias });
  const dy = y.map((value, i) => (value - (wanted[i] as number)) / 16); // of the mean of (y - wanted)^2 / 2 over rows
  const { dGain, dBias } = norm.backward(dy, x, stats, { gain, bias });
  gain.forEach((value, i) => {
    gain[i] = value - 0.2 * (dGain[i] as number);
  });
  bias.forEach((value, i) => {
    bias[i] = value - 0.2 * (dBias[i] as number);
  });
  const loss = dy.reduce((sum, value) => sum + 8 * value * value, 0);
  if (step % 20 === 0) console.log(step, loss.toExponential(1));
}
