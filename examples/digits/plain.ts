/**
 * The norms as plain JavaScript loops: what one would write without the package, and what it is timed against.
 *
 * Float32Array in and out, sums in double precision (any number in JavaScript is a double), two passes for the
 * variance. Written for speed: branches on the norm are outside the loops, nothing is allocated, and the sums of forward
 * have four parts, because in a single sum every addition waits for the one before. (Backward has more work beside the
 * sums, so four parts gain nothing there.)
 */
import { EPS, K, type NormChoice, SCALE } from "./contenders.ts";

/** The arrays of one batch. */
export interface PlainBatch {
  size: number;
  /** `rows x size` each. */
  x: Float32Array;
  y: Float32Array;
  dy: Float32Array;
  dx: Float32Array;
  /** One number a row each. */
  mean: Float64Array;
  rstd: Float64Array;
  /** `size` numbers each; only the norms that have parameters read and write them. */
  gain: Float32Array;
  bias: Float32Array;
  dGain: Float32Array;
  dBias: Float32Array;
}

function rowMean(x: Float32Array, start: number, size: number): number {
  const end = start + size;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    s0 += x[i] as number;
    s1 += x[i + 1] as number;
    s2 += x[i + 2] as number;
    s3 += x[i + 3] as number;
  }
  for (; i < end; i++) s0 += x[i] as number;
  return (s0 + s1 + s2 + s3) / size;
}

function rowVariance(x: Float32Array, start: number, size: number, mean: number): number {
  const end = start + size;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    const d0 = (x[i] as number) - mean;
    const d1 = (x[i + 1] as number) - mean;
    const d2 = (x[i + 2] as number) - mean;
    const d3 = (x[i + 3] as number) - mean;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (; i < end; i++) s0 += ((x[i] as number) - mean) ** 2;
  return (s0 + s1 + s2 + s3) / size;
}

/** Normalises every row of `x` into `y`. */
export function plainForward({ name, affine }: Pick<NormChoice, "name" | "affine">, batch: PlainBatch): void {
  const { size, x, y, gain, bias } = batch;
  for (let row = 0, start = 0; start < x.length; row++, start += size) {
    const mean = name === "rmsNorm" ? 0 : rowMean(x, start, size);
    const rstd = 1 / Math.sqrt(rowVariance(x, start, size, mean) + EPS);
    batch.mean[row] = mean;
    batch.rstd[row] = rstd;
    if (affine) {
      for (let i = 0; i < size; i++) {
        y[start + i] = ((x[start + i] as number) - mean) * rstd * (gain[i] as number) + (bias[i] as number);
      }
    } else if (name === "adaNorm") {
      for (let i = start; i < start + size; i++) {
        const z = ((x[i] as number) - mean) * rstd;
        y[i] = SCALE * (1 - K * z) * z;
      }
    } else {
      for (let i = start; i < start + size; i++) y[i] = ((x[i] as number) - mean) * rstd;
    }
  }
}

// Backward is dx = rstd (dz - a - s z) with a = mean(dz), s = mean(dz z) and dz = dL/dz = dL/dy dy/dz.

/** dz = gain dy; a is 0 for rmsNorm. Adds to dGain and dBias. */
function affineRow(batch: PlainBatch, start: number, mean: number, rstd: number, rms: boolean): void {
  const { size, x, dy, dx, gain, dGain, dBias } = batch;
  let sumDz = 0;
  let sumDzZ = 0;
  for (let i = 0; i < size; i++) {
    const dyi = dy[start + i] as number;
    const z = ((x[start + i] as number) - mean) * rstd;
    const dz = dyi * (gain[i] as number);
    dGain[i] = (dGain[i] as number) + dyi * z;
    dBias[i] = (dBias[i] as number) + dyi;
    sumDz += dz;
    sumDzZ += dz * z;
  }
  const a = rms ? 0 : sumDz / size;
  const s = sumDzZ / size;
  for (let i = 0; i < size; i++) {
    const z = ((x[start + i] as number) - mean) * rstd;
    dx[start + i] = rstd * ((dy[start + i] as number) * (gain[i] as number) - a - s * z);
  }
}

/** dz = dy */
function simpleRow({ size, x, dy, dx }: PlainBatch, start: number, mean: number, rstd: number): void {
  const end = start + size;
  let sumDz = 0;
  let sumDzZ = 0;
  for (let i = start; i < end; i++) {
    const dz = dy[i] as number;
    sumDz += dz;
    sumDzZ += dz * ((x[i] as number) - mean);
  }
  const a = sumDz / size;
  const s = (sumDzZ * rstd * rstd) / size;
  for (let i = start; i < end; i++) {
    dx[i] = rstd * ((dy[i] as number) - a - s * ((x[i] as number) - mean));
  }
}

/** dz = C (1 - k z) dy */
function adaRow({ size, x, dy, dx }: PlainBatch, start: number, mean: number, rstd: number): void {
  const end = start + size;
  let sumDz = 0;
  let sumDzZ = 0;
  for (let i = start; i < end; i++) {
    const z = ((x[i] as number) - mean) * rstd;
    const dz = SCALE * (1 - K * z) * (dy[i] as number);
    sumDz += dz;
    sumDzZ += dz * z;
  }
  const a = sumDz / size;
  const s = sumDzZ / size;
  for (let i = start; i < end; i++) {
    const z = ((x[i] as number) - mean) * rstd;
    dx[i] = rstd * (SCALE * (1 - K * z) * (dy[i] as number) - a - s * z);
  }
}

/** The gradient of every row, from `dy` into `dx`; that of gain and bias into `dGain` and `dBias`. */
export function plainBackward({ name, affine }: Pick<NormChoice, "name" | "affine">, batch: PlainBatch): void {
  const { size, x, dy, dx } = batch;
  if (affine) {
    batch.dGain.fill(0);
    batch.dBias.fill(0);
  }
  for (let row = 0, start = 0; start < x.length; row++, start += size) {
    const mean = batch.mean[row] as number;
    const rstd = batch.rstd[row] as number;
    if (affine) affineRow(batch, start, mean, rstd, name === "rmsNorm");
    else if (name === "adaNorm") adaRow(batch, start, mean, rstd);
    else if (name === "layerNormSimple") simpleRow(batch, start, mean, rstd);
    else for (let i = start; i < start + size; i++) dx[i] = rstd * (dy[i] as number);
  }
}
