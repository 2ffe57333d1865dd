/**
 * The norms as plain JavaScript loops, as one writes them without the package. Float32Array in and out, sums in double
 * precision, two passes for the variance, one function for each norm, nothing allocated. See tuned.ts for faster ones.
 */
import {
  type BackwardJob,
  type ChannelsJob,
  EPS,
  type ForwardJob,
  inputs,
  type Job,
  K,
  type ReduceJob,
  type Reduction,
  SCALE,
  type Task,
} from "../job.ts";
import { type Batch, batchOf, taskOf } from "./batch.ts";

function rowSum(x: Float32Array, start: number, size: number): number {
  let sum = 0;
  for (let i = start; i < start + size; i++) sum += x[i] as number;
  return sum;
}

/** sum (x - mean)^2 */
function rowSquares(x: Float32Array, start: number, size: number, mean: number): number {
  let sum = 0;
  for (let i = start; i < start + size; i++) {
    const d = (x[i] as number) - mean;
    sum += d * d;
  }
  return sum;
}

function statistics({ size, x, mean, rstd }: Batch, row: number, rms: boolean): void {
  const start = row * size;
  const m = rms ? 0 : rowSum(x, start, size) / size;
  mean[row] = m;
  rstd[row] = 1 / Math.sqrt(rowSquares(x, start, size, m) / size + EPS);
}

function layerNormRow({ size, x, out, gain, bias }: Batch, start: number, mean: number, rstd: number): void {
  for (let i = 0; i < size; i++) {
    out[start + i] = ((x[start + i] as number) - mean) * rstd * (gain[i] as number) + (bias[i] as number);
  }
}

function simpleRow({ size, x, out }: Batch, start: number, mean: number, rstd: number): void {
  for (let i = start; i < start + size; i++) out[i] = ((x[i] as number) - mean) * rstd;
}

function adaNormRow({ size, x, out }: Batch, start: number, mean: number, rstd: number): void {
  for (let i = start; i < start + size; i++) {
    const z = ((x[i] as number) - mean) * rstd;
    out[i] = SCALE * (1 - K * z) * z;
  }
}

function rmsNormRow({ size, x, out, gain }: Batch, start: number, _mean: number, rstd: number): void {
  for (let i = 0; i < size; i++) out[start + i] = (x[start + i] as number) * rstd * (gain[i] as number);
}

const FORWARD = {
  layerNorm: layerNormRow,
  layerNormSimple: simpleRow,
  detachNorm: simpleRow,
  adaNorm: adaNormRow,
  rmsNorm: rmsNormRow,
};

// Backward is dx = rstd (e - a - s z) with e the gradient with respect to z, a = mean(e) and s = mean(e z).

/** e = dy */
function simpleGradient({ size, x, dy, out }: Batch, start: number, mean: number, rstd: number): void {
  let sumE = 0;
  let sumEZ = 0;
  for (let i = start; i < start + size; i++) {
    const e = dy[i] as number;
    sumE += e;
    sumEZ += e * ((x[i] as number) - mean) * rstd;
  }
  const a = sumE / size;
  const s = sumEZ / size;
  for (let i = start; i < start + size; i++) {
    out[i] = rstd * ((dy[i] as number) - a - s * ((x[i] as number) - mean) * rstd);
  }
}

/** e = C (1 - k z) dy */
function adaNormGradient({ size, x, dy, out }: Batch, start: number, mean: number, rstd: number): void {
  let sumE = 0;
  let sumEZ = 0;
  for (let i = start; i < start + size; i++) {
    const z = ((x[i] as number) - mean) * rstd;
    const e = SCALE * (1 - K * z) * (dy[i] as number);
    sumE += e;
    sumEZ += e * z;
  }
  const a = sumE / size;
  const s = sumEZ / size;
  for (let i = start; i < start + size; i++) {
    const z = ((x[i] as number) - mean) * rstd;
    out[i] = rstd * (SCALE * (1 - K * z) * (dy[i] as number) - a - s * z);
  }
}

/** e = gain dy; adds to dGain and dBias. */
function affineGradient(batch: Batch, start: number, mean: number, rstd: number): void {
  const { size, x, dy, out, gain, dGain, dBias } = batch;
  let sumE = 0;
  let sumEZ = 0;
  for (let i = 0; i < size; i++) {
    const u = dy[start + i] as number;
    const z = ((x[start + i] as number) - mean) * rstd;
    dGain[i] = (dGain[i] as number) + u * z;
    dBias[i] = (dBias[i] as number) + u;
    const e = u * (gain[i] as number);
    sumE += e;
    sumEZ += e * z;
  }
  const a = sumE / size;
  const s = sumEZ / size;
  for (let i = 0; i < size; i++) {
    const z = ((x[start + i] as number) - mean) * rstd;
    out[start + i] = rstd * ((dy[start + i] as number) * (gain[i] as number) - a - s * z);
  }
}

function forward(job: ForwardJob): Task {
  const batch = batchOf(job);
  const row = FORWARD[job.norm];
  const rms = job.norm === "rmsNorm";
  return taskOf(() => {
    for (let i = 0; i < job.rows; i++) {
      statistics(batch, i, rms);
      row(batch, i * job.size, batch.mean[i] as number, batch.rstd[i] as number);
    }
  }, batch.out);
}

function backward(job: BackwardJob): Task {
  if (job.norm === "rmsNorm" || job.norm === "detachNorm") throw new Error(`not written: the gradient of ${job.norm}`);
  const batch = batchOf(job);
  const { mean, rstd, dGain, dBias, out } = batch;
  const row = job.params ? affineGradient : job.norm === "adaNorm" ? adaNormGradient : simpleGradient;
  for (let i = 0; i < job.rows; i++) statistics(batch, i, false);
  return taskOf(
    () => {
      dGain.fill(0);
      dBias.fill(0);
      for (let i = 0; i < job.rows; i++) row(batch, i * job.size, mean[i] as number, rstd[i] as number);
    },
    ...(job.params ? [out, dGain, dBias] : [out]),
  );
}

/** A row is a group of channels, each of which has a gain and a bias. */
function channelsRow(
  { size, x, out, gain, bias }: Batch,
  row: number,
  first: number,
  spatial: number,
  mean: number,
  rstd: number,
): void {
  let i = row * size;
  for (let channel = first; channel < first + size / spatial; channel++) {
    const g = gain[channel] as number;
    const b = bias[channel] as number;
    for (const end = i + spatial; i < end; i++) out[i] = ((x[i] as number) - mean) * rstd * g + b;
  }
}

function overChannels(job: ChannelsJob): Task {
  const batch = batchOf(job);
  const { rows, channels, groups } = job;
  const spatial = job.spatial[0] * job.spatial[1];
  return taskOf(() => {
    for (let row = 0; row < rows; row++) {
      statistics(batch, row, false);
      const first = (row % groups) * (channels / groups);
      channelsRow(batch, row, first, spatial, batch.mean[row] as number, batch.rstd[row] as number);
    }
  }, batch.out);
}

/** Each row by its own scale. */
function int8Row(x: Float32Array, start: number, size: number, values: Int8Array): number {
  let largest = 0;
  for (let i = start; i < start + size; i++) largest = Math.max(largest, Math.abs(x[i] as number));
  const scale = largest / 127;
  for (let i = start; i < start + size; i++) {
    // Math.round would round ties up.
    const quotient = (x[i] as number) / scale;
    const rounded = Math.round(quotient);
    values[i] = rounded - quotient === 0.5 ? 2 * Math.round(quotient / 2) : rounded;
  }
  return scale;
}

/** Eight elements to a byte, the first in the most significant bit. */
function bitsRow(x: Float32Array, start: number, size: number, bits: Uint8Array, at: number): void {
  for (let i = 0; i < size; i += 8) {
    let byte = 0;
    for (let j = i; j < Math.min(i + 8, size); j++) if ((x[start + j] as number) > 0) byte |= 128 >> (j - i);
    bits[at + (i >> 3)] = byte;
  }
}

function compact({ rows, size, reduction }: ReduceJob): Task {
  const x = inputs.x({ rows, size });
  const scale = new Float64Array(rows);
  const values = new Int8Array(rows * size);
  const rowBytes = Math.ceil(size / 8);
  const bits = new Uint8Array(rows * rowBytes);
  if (reduction === "int8") {
    return taskOf(
      () => {
        for (let row = 0; row < rows; row++) scale[row] = int8Row(x, row * size, size, values);
      },
      values,
      scale,
    );
  }
  return taskOf(() => {
    for (let row = 0; row < rows; row++) bitsRow(x, row * size, size, bits, row * rowBytes);
  }, bits);
}

function reduce(job: ReduceJob): Task {
  const { reduction } = job;
  if (reduction === "int8" || reduction === "bits") return compact(job);
  const { x, mean, rstd: second } = batchOf(job);
  const { size } = job;
  const first = mean;
  const reductions: Record<Reduction, (row: number) => void> = {
    sum: (row) => {
      first[row] = rowSum(x, row * size, size);
    },
    moments: (row) => {
      const m = rowSum(x, row * size, size) / size;
      first[row] = m;
      second[row] = rowSquares(x, row * size, size, m) / size;
    },
    l2: (row) => {
      first[row] = Math.sqrt(rowSquares(x, row * size, size, 0));
    },
    max: (row) => {
      let max = -Infinity;
      for (let i = row * size; i < (row + 1) * size; i++) max = Math.max(max, x[i] as number);
      first[row] = max;
    },
  };
  const one = reductions[reduction];
  return taskOf(
    () => {
      for (let row = 0; row < job.rows; row++) one(row);
    },
    ...(reduction === "moments" ? [first, second] : [first]),
  );
}

/** For other hosts than Node, which have no version of V8. */
export function prepare(job: Job): Task {
  if (job.kind === "forward") return forward(job);
  if (job.kind === "backward") return backward(job);
  if (job.kind === "channels") return overChannels(job);
  if (job.kind === "reduce") return reduce(job);
  throw new Error(`no plain loops for ${job.kind}`);
}

export const open = () => ({ version: process.versions.v8, prepare });
