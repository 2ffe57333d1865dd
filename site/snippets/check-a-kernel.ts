import * as reference from "adanorm/reference";

/** A kernel to check: one pass, in single precision. */
function onePass(x: Float32Array): Float32Array {
  const f32 = Math.fround;
  let sum = 0;
  let squares = 0;
  for (const value of x) {
    sum = f32(sum + value);
    squares = f32(squares + f32(value * value));
  }
  const mean = f32(sum / x.length);
  const variance = f32(f32(squares / x.length) - f32(mean * mean));
  return x.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
}

for (const offset of [0, 100, 10_000]) {
  const x = Float32Array.from({ length: 256 }, (_, i) => offset + Math.sin(i * i));
  const exact = reference.forward("layerNormSimple", x, { size: 256 }).y;
  const error = Math.max(...onePass(x).map((value, i) => Math.abs(value - (exact[i] as number))));
  console.log(offset, error.toExponential(0));
}
