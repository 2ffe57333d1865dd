/**
 * The norms as people write them: two passes in f32, every operation rounded (what a C loop over floats does).
 *
 *   mean = sum x / H,   var = sum (x - mean)^2 / (H - ddof),   r = 1 / sqrt(var + eps),   z = (x - mean) r
 *   dx = r (dz - sum dz / H - z sum(dz z) / (H - ddof))
 */
import type { RowStats } from "adanorm";
import type { AnyName, Options } from "./subjects.ts";

const f32 = Math.fround;

interface Params {
  gain?: Float32Array;
  bias?: Float32Array;
}

interface RowMoments {
  mean: number;
  variance: number;
}

const isCentred = (norm: AnyName) => norm !== "rmsNorm" && norm !== "l2Norm";

/** Norms that are not centred take the mean as 0 and always divide by H. */
function rowMoments(x: Float32Array, start: number, size: number, centred: boolean, ddof: number): RowMoments {
  let mean = f32(0);
  if (centred) {
    for (let i = start; i < start + size; i++) mean = f32(mean + (x[i] as number));
    mean = f32(mean / size);
  }
  let squares = f32(0);
  for (let i = start; i < start + size; i++) {
    const t = f32((x[i] as number) - mean);
    squares = f32(squares + f32(t * t));
  }
  return { mean, variance: f32(squares / (size - (centred ? ddof : 0))) };
}

function rstdOf(variance: number, { eps, epsAt }: Options): number {
  const sigma = epsAt === "std" ? f32(f32(Math.sqrt(variance)) + f32(eps)) : f32(Math.sqrt(f32(variance + f32(eps))));
  return f32(1 / sigma);
}

export function plainMoments(x: Float32Array, size: number, ddof: 0 | 1) {
  const rows = x.length / size;
  const found = { mean: new Float64Array(rows), variance: new Float64Array(rows) };
  for (let row = 0; row < rows; row++) {
    const { mean, variance } = rowMoments(x, row * size, size, true, ddof);
    found.mean[row] = mean;
    found.variance[row] = variance;
  }
  return found;
}

export function plainForward(norm: AnyName, x: Float32Array, options: Options, params: Params = {}) {
  const { size, ddof, sharing } = options;
  const { gain, bias } = params;
  const k = f32(options.k);
  const scale = f32(options.scale);
  const rows = x.length / size;
  const result = { y: new Float32Array(x.length), mean: new Float64Array(rows), rstd: new Float64Array(rows) };
  for (let row = 0; row < rows; row++) {
    const start = row * size;
    const { mean, variance } = rowMoments(x, start, size, isCentred(norm), ddof);
    // Of l2Norm: 1 / max(|x|, eps).
    const rstd =
      norm === "l2Norm"
        ? f32(1 / Math.max(f32(Math.sqrt(f32(variance * size))), f32(options.eps)))
        : rstdOf(variance, options);
    result.mean[row] = mean;
    result.rstd[row] = rstd;
    for (let i = 0; i < size; i++) {
      const z = f32(f32((x[start + i] as number) - mean) * rstd);
      let y = z;
      if (norm === "adaNorm") y = f32(f32(scale * f32(1 - f32(k * z))) * z);
      const param = sharing ? sharing.at(row, i) : i;
      if (gain) y = f32(y * (gain[param] as number));
      if (bias) y = f32(y + (bias[param] as number));
      result.y[start + i] = y;
    }
  }
  return result;
}

export function plainBackward(
  norm: AnyName,
  dy: Float32Array,
  x: Float32Array,
  stats: RowStats,
  options: Options,
  params: Params = {},
) {
  const { size, epsAt, sharing, detachMean = norm === "detachNorm", detachStd = norm === "detachNorm" } = options;
  const { gain, bias } = params;
  const isL2 = norm === "l2Norm";
  const freedom = isL2 ? 1 : isCentred(norm) ? size - options.ddof : size;
  const eps = f32(options.eps);
  const k = f32(options.detachScale ? options.k : 2 * options.k);
  const scale = f32(options.scale);
  const dx = new Float32Array(x.length);
  const dGain = gain && new Float32Array(sharing?.count ?? size);
  const dBias = bias && new Float32Array(sharing?.count ?? size);
  const z = new Float32Array(size);
  const dz = new Float32Array(size);
  for (let row = 0; row < x.length / size; row++) {
    const start = row * size;
    const mean = f32(stats.mean[row] as number);
    const rstd = f32(stats.rstd[row] as number);
    let sumDz = f32(0);
    let sumDzZ = f32(0);
    for (let i = 0; i < size; i++) {
      const dyi = dy[start + i] as number;
      const zi = f32(f32((x[start + i] as number) - mean) * rstd);
      let dzi = dyi;
      if (norm === "adaNorm") dzi = f32(dyi * f32(scale * f32(1 - f32(k * zi))));
      const param = sharing ? sharing.at(row, i) : i;
      if (gain) dzi = f32(dyi * (gain[param] as number));
      if (dGain) dGain[param] = f32((dGain[param] as number) + f32(dyi * zi));
      if (dBias) dBias[param] = f32((dBias[param] as number) + dyi);
      sumDz = f32(sumDz + dzi);
      sumDzZ = f32(sumDzZ + f32(dzi * zi));
      z[i] = zi;
      dz[i] = dzi;
    }
    const std = f32(f32(1 / rstd) - eps);
    let kappa = 1;
    if (isL2) kappa = rstd < f32(1 / eps) ? 1 : 0;
    else if (epsAt === "std") kappa = std > 0 ? f32(f32(std + eps) / std) : 0;
    const a = detachMean || !isCentred(norm) ? 0 : f32(sumDz / size);
    const s = detachStd ? 0 : f32(kappa * f32(sumDzZ / freedom));
    for (let i = 0; i < size; i++) {
      dx[start + i] = f32(rstd * f32(f32((dz[i] as number) - a) - f32(s * (z[i] as number))));
    }
  }
  return { dx, dGain, dBias };
}
