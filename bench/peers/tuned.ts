/**
 * The norms as plain JavaScript loops that are tuned for V8: what one gets to without the package who measures. Beside
 * plain.ts: sums in two or four accumulators, so that additions do not wait for one another; as many elements a turn; a
 * function for the whole batch, of arrays and numbers, without objects and closures.
 */
import { type BackwardJob, EPS, type ForwardJob, type Job, K, SCALE, type Task } from "../job.ts";
import { batchOf, taskOf } from "./batch.ts";

function sum(x: Float32Array, start: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    a += x[i] as number;
    b += x[i + 1] as number;
    c += x[i + 2] as number;
    d += x[i + 3] as number;
  }
  for (; i < end; i++) a += x[i] as number;
  return a + b + (c + d);
}

/** 1 / sigma */
function rstdOf(x: Float32Array, start: number, end: number, mean: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    const first = (x[i] as number) - mean;
    const second = (x[i + 1] as number) - mean;
    const third = (x[i + 2] as number) - mean;
    const fourth = (x[i + 3] as number) - mean;
    a += first * first;
    b += second * second;
    c += third * third;
    d += fourth * fourth;
  }
  for (; i < end; i++) a += ((x[i] as number) - mean) ** 2;
  return 1 / Math.sqrt((a + b + (c + d)) / (end - start) + EPS);
}

function layerNorm(x: Float32Array, gain: Float32Array, bias: Float32Array, y: Float32Array, size: number): void {
  for (let start = 0; start < x.length; start += size) {
    const mean = sum(x, start, start + size) / size;
    const rstd = rstdOf(x, start, start + size, mean);
    let i = 0;
    let at = start;
    for (; i + 3 < size; i += 4, at += 4) {
      y[at] = ((x[at] as number) - mean) * rstd * (gain[i] as number) + (bias[i] as number);
      y[at + 1] = ((x[at + 1] as number) - mean) * rstd * (gain[i + 1] as number) + (bias[i + 1] as number);
      y[at + 2] = ((x[at + 2] as number) - mean) * rstd * (gain[i + 2] as number) + (bias[i + 2] as number);
      y[at + 3] = ((x[at + 3] as number) - mean) * rstd * (gain[i + 3] as number) + (bias[i + 3] as number);
    }
    for (; i < size; i++, at++) y[at] = ((x[at] as number) - mean) * rstd * (gain[i] as number) + (bias[i] as number);
  }
}

function rmsNorm(x: Float32Array, gain: Float32Array, y: Float32Array, size: number): void {
  for (let start = 0; start < x.length; start += size) {
    const rstd = rstdOf(x, start, start + size, 0);
    let i = 0;
    let at = start;
    for (; i + 3 < size; i += 4, at += 4) {
      y[at] = (x[at] as number) * rstd * (gain[i] as number);
      y[at + 1] = (x[at + 1] as number) * rstd * (gain[i + 1] as number);
      y[at + 2] = (x[at + 2] as number) * rstd * (gain[i + 2] as number);
      y[at + 3] = (x[at + 3] as number) * rstd * (gain[i + 3] as number);
    }
    for (; i < size; i++, at++) y[at] = (x[at] as number) * rstd * (gain[i] as number);
  }
}

function layerNormSimple(x: Float32Array, y: Float32Array, size: number): void {
  for (let start = 0; start < x.length; start += size) {
    const end = start + size;
    const mean = sum(x, start, end) / size;
    const rstd = rstdOf(x, start, end, mean);
    let i = start;
    for (; i + 3 < end; i += 4) {
      y[i] = ((x[i] as number) - mean) * rstd;
      y[i + 1] = ((x[i + 1] as number) - mean) * rstd;
      y[i + 2] = ((x[i + 2] as number) - mean) * rstd;
      y[i + 3] = ((x[i + 3] as number) - mean) * rstd;
    }
    for (; i < end; i++) y[i] = ((x[i] as number) - mean) * rstd;
  }
}

function adaNorm(x: Float32Array, y: Float32Array, size: number): void {
  const scale = SCALE;
  const k = K;
  for (let start = 0; start < x.length; start += size) {
    const end = start + size;
    const mean = sum(x, start, end) / size;
    const rstd = rstdOf(x, start, end, mean);
    let i = start;
    for (; i + 3 < end; i += 4) {
      const a = ((x[i] as number) - mean) * rstd;
      const b = ((x[i + 1] as number) - mean) * rstd;
      const c = ((x[i + 2] as number) - mean) * rstd;
      const d = ((x[i + 3] as number) - mean) * rstd;
      y[i] = scale * (1 - k * a) * a;
      y[i + 1] = scale * (1 - k * b) * b;
      y[i + 2] = scale * (1 - k * c) * c;
      y[i + 3] = scale * (1 - k * d) * d;
    }
    for (; i < end; i++) {
      const z = ((x[i] as number) - mean) * rstd;
      y[i] = scale * (1 - k * z) * z;
    }
  }
}

// Backward is dx = rstd (e - a - s z) with z the normalised row, e the gradient with respect to it, a = mean(e) and
// s = mean(e z). Two elements a turn: with four, what is alive at a time is more than the registers hold.

/** e = dy */
function simpleBackward(
  dy: Float32Array,
  x: Float32Array,
  mean: Float64Array,
  rstd: Float64Array,
  dx: Float32Array,
  size: number,
): void {
  for (let row = 0, start = 0; start < x.length; row++, start += size) {
    const m = mean[row] as number;
    const r = rstd[row] as number;
    const end = start + size;
    let e0 = 0;
    let e1 = 0;
    let ez0 = 0;
    let ez1 = 0;
    let i = start;
    for (; i + 1 < end; i += 2) {
      const first = dy[i] as number;
      const second = dy[i + 1] as number;
      e0 += first;
      e1 += second;
      ez0 += first * ((x[i] as number) - m);
      ez1 += second * ((x[i + 1] as number) - m);
    }
    for (; i < end; i++) {
      e0 += dy[i] as number;
      ez0 += (dy[i] as number) * ((x[i] as number) - m);
    }
    const a = (e0 + e1) / size;
    const s = ((ez0 + ez1) * r * r) / size;
    for (i = start; i + 1 < end; i += 2) {
      dx[i] = r * ((dy[i] as number) - a - s * ((x[i] as number) - m));
      dx[i + 1] = r * ((dy[i + 1] as number) - a - s * ((x[i + 1] as number) - m));
    }
    for (; i < end; i++) dx[i] = r * ((dy[i] as number) - a - s * ((x[i] as number) - m));
  }
}

/** e = C (1 - k z) dy */
function adaNormBackward(
  dy: Float32Array,
  x: Float32Array,
  mean: Float64Array,
  rstd: Float64Array,
  dx: Float32Array,
  size: number,
): void {
  const scale = SCALE;
  const k = K;
  for (let row = 0, start = 0; start < x.length; row++, start += size) {
    const m = mean[row] as number;
    const r = rstd[row] as number;
    const end = start + size;
    let e0 = 0;
    let e1 = 0;
    let ez0 = 0;
    let ez1 = 0;
    let i = start;
    for (; i + 1 < end; i += 2) {
      const z0 = ((x[i] as number) - m) * r;
      const z1 = ((x[i + 1] as number) - m) * r;
      const first = scale * (1 - k * z0) * (dy[i] as number);
      const second = scale * (1 - k * z1) * (dy[i + 1] as number);
      e0 += first;
      e1 += second;
      ez0 += first * z0;
      ez1 += second * z1;
    }
    for (; i < end; i++) {
      const z = ((x[i] as number) - m) * r;
      const e = scale * (1 - k * z) * (dy[i] as number);
      e0 += e;
      ez0 += e * z;
    }
    const a = (e0 + e1) / size;
    const s = (ez0 + ez1) / size;
    for (i = start; i + 1 < end; i += 2) {
      const z0 = ((x[i] as number) - m) * r;
      const z1 = ((x[i + 1] as number) - m) * r;
      dx[i] = r * (scale * (1 - k * z0) * (dy[i] as number) - a - s * z0);
      dx[i + 1] = r * (scale * (1 - k * z1) * (dy[i + 1] as number) - a - s * z1);
    }
    for (; i < end; i++) {
      const z = ((x[i] as number) - m) * r;
      dx[i] = r * (scale * (1 - k * z) * (dy[i] as number) - a - s * z);
    }
  }
}

/** e = gain dy. Two rows at a time: dGain and dBias are read and written half as often. */
function layerNormBackward(
  dy: Float32Array,
  x: Float32Array,
  mean: Float64Array,
  rstd: Float64Array,
  gain: Float32Array,
  dx: Float32Array,
  dGain: Float32Array,
  dBias: Float32Array,
  size: number,
): void {
  dGain.fill(0);
  dBias.fill(0);
  let row = 0;
  let start = 0;
  for (; start + size < x.length; row += 2, start += 2 * size) {
    const m0 = mean[row] as number;
    const m1 = mean[row + 1] as number;
    const r0 = rstd[row] as number;
    const r1 = rstd[row + 1] as number;
    let e0 = 0;
    let e1 = 0;
    let ez0 = 0;
    let ez1 = 0;
    let at = start;
    let below = start + size;
    for (let i = 0; i < size; i++, at++, below++) {
      const d0 = dy[at] as number;
      const d1 = dy[below] as number;
      const z0 = ((x[at] as number) - m0) * r0;
      const z1 = ((x[below] as number) - m1) * r1;
      dGain[i] = (dGain[i] as number) + d0 * z0 + d1 * z1;
      dBias[i] = (dBias[i] as number) + d0 + d1;
      const first = d0 * (gain[i] as number);
      const second = d1 * (gain[i] as number);
      e0 += first;
      e1 += second;
      ez0 += first * z0;
      ez1 += second * z1;
    }
    writeGradient(dy, x, gain, dx, start, size, m0, r0, e0 / size, (ez0 * r0) / size);
    writeGradient(dy, x, gain, dx, start + size, size, m1, r1, e1 / size, (ez1 * r1) / size);
  }
  if (start < x.length) {
    const m = mean[row] as number;
    const r = rstd[row] as number;
    let sumE = 0;
    let sumEZ = 0;
    for (let i = 0, at = start; i < size; i++, at++) {
      const d = dy[at] as number;
      const z = ((x[at] as number) - m) * r;
      dGain[i] = (dGain[i] as number) + d * z;
      dBias[i] = (dBias[i] as number) + d;
      const e = d * (gain[i] as number);
      sumE += e;
      sumEZ += e * z;
    }
    writeGradient(dy, x, gain, dx, start, size, m, r, sumE / size, (sumEZ * r) / size);
  }
}

/** dx of a row, `a` and `s` as above, s times rstd. */
function writeGradient(
  dy: Float32Array,
  x: Float32Array,
  gain: Float32Array,
  dx: Float32Array,
  start: number,
  size: number,
  mean: number,
  rstd: number,
  a: number,
  s: number,
): void {
  let at = start;
  let i = 0;
  for (; i + 1 < size; i += 2, at += 2) {
    dx[at] = rstd * ((dy[at] as number) * (gain[i] as number) - a - s * ((x[at] as number) - mean));
    dx[at + 1] = rstd * ((dy[at + 1] as number) * (gain[i + 1] as number) - a - s * ((x[at + 1] as number) - mean));
  }
  for (; i < size; i++, at++) {
    dx[at] = rstd * ((dy[at] as number) * (gain[i] as number) - a - s * ((x[at] as number) - mean));
  }
}

function forward(job: ForwardJob): Task {
  const { size } = job;
  const { x, gain, bias, out } = batchOf(job);
  switch (job.norm) {
    case "layerNorm":
      return taskOf(() => layerNorm(x, gain, bias, out, size), out);
    case "rmsNorm":
      return taskOf(() => rmsNorm(x, gain, out, size), out);
    case "adaNorm":
      return taskOf(() => adaNorm(x, out, size), out);
    default:
      return taskOf(() => layerNormSimple(x, out, size), out);
  }
}

function backward(job: BackwardJob): Task {
  const { norm, size, rows } = job;
  const { dy, x, mean, rstd, gain, out, dGain, dBias } = batchOf(job);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * size, (row + 1) * size];
    mean[row] = sum(x, start, end) / size;
    rstd[row] = rstdOf(x, start, end, mean[row] as number);
  }
  if (norm === "adaNorm") return taskOf(() => adaNormBackward(dy, x, mean, rstd, out, size), out);
  if (norm === "layerNormSimple") return taskOf(() => simpleBackward(dy, x, mean, rstd, out, size), out);
  if (norm === "layerNorm" && job.params) {
    const run = () => layerNormBackward(dy, x, mean, rstd, gain, out, dGain, dBias, size);
    return taskOf(run, out, dGain, dBias);
  }
  throw new Error(`not written: the gradient of ${norm}`);
}

/** For other hosts than Node, which have no version of V8. */
export function prepare(job: Job): Task {
  if (job.kind === "forward") return forward(job);
  if (job.kind === "backward") return backward(job);
  throw new Error(`no tuned loops for ${job.kind}`);
}

export const open = () => ({ version: process.versions.v8, prepare });
