import { loadSync } from "adanorm";

const size = 64;
const kernels = loadSync();
const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i * i));
const dz = x.map((value, i) => 1 + value + Math.cos(i));

const { mean, variance } = kernels.rows(size).moments(dz);
for (const detachMean of [false, true]) {
  for (const detachStd of [false, true]) {
    const norm = kernels.layerNormSimple({ size, detachMean, detachStd });
    const { rstd } = norm.forward(x);
    const { dx } = norm.backward(dz, x);
    const of = kernels.rows(size).moments(dx);
    // In units of what they would be if backward subtracted nothing: mean(dz) / sigma and var(dz) / sigma^2.
    const unit = rstd[0] as number;
    const shareOfMean = (of.mean[0] as number) / ((mean[0] as number) * unit);
    const shareOfVariance = (of.variance[0] as number) / ((variance[0] as number) * unit * unit);
    console.log(`${detachMean} ${detachStd}: ${Math.abs(shareOfMean).toFixed(3)} ${shareOfVariance.toFixed(3)}`);
  }
}
