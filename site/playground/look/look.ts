/** What norms make of activations: distributions before and after, gradients, and errors far from the origin. */
import type { Kernels } from "adanorm";
import * as reference from "adanorm/reference";
import { onePass, twoPass } from "../../../examples/browser/plain.js";
import { normals, seeded } from "../../../examples/digits/random.ts";

export interface LookSettings {
  rows: number;
  /** Of a row. */
  size: number;
  /** The mean of x. */
  offset: number;
  std: number;
  /** One element of each row is this many std from the mean; 0: none is. */
  outlier: number;
  /** C and k of AdaNorm. */
  scale: number;
  k: number;
  seed: number;
}

export interface Histogram {
  low: number;
  high: number;
  counts: number[];
  mean: number;
  std: number;
  /** The extremes of the values. The range of the bins may be wider. */
  least: number;
  most: number;
}

export interface ErrorAt {
  offset: number;
  kernels: number;
  onePass: number;
  loops: number;
}

export interface LookResult {
  x: Histogram;
  layerNorm: Histogram;
  rmsNorm: Histogram;
  adaNorm: Histogram;
  /** dL/dz / sigma, what backward would give if it subtracted nothing; and dL/dx by LayerNorm and by RMSNorm. */
  given: Histogram;
  layerNormGradient: Histogram;
  rmsNormGradient: Histogram;
  /** The first elements of the first row, normalised: exactly, by the kernels, and by one pass in f32. */
  row: { exact: number[]; kernels: number[]; onePass: number[] };
  /** The largest errors of the first row, at this offset and at others. */
  errors: ErrorAt;
  errorsByOffset: ErrorAt[];
}

const BINS = 60;
const SHOWN = 48;
const OFFSETS = Array.from({ length: 29 }, (_, i) => 10 ** (i / 4));

/** Some room on both sides, also for values that are all the same. */
function padded(low: number, high: number): [number, number] {
  const room = (high - low) * 0.03 || Math.max(0.5, Math.abs(low) * 1e-3);
  return [low - room, high + room];
}

type Summary = Pick<Histogram, "mean" | "std" | "least" | "most">;

/** The whole batch as one row: its extremes and moments are a reduction away. */
function summaryOf(kernels: Kernels, values: Float32Array): Summary {
  const whole = kernels.rows(values.length);
  const { mean, variance } = whole.moments(values);
  return {
    mean: mean[0] as number,
    std: Math.sqrt(variance[0] as number),
    least: whole.min(values)[0] as number,
    most: whole.max(values)[0] as number,
  };
}

function histogram(values: Float32Array, summary: Summary, [low, high]: [number, number]): Histogram {
  const counts = new Array<number>(BINS).fill(0);
  const perUnit = BINS / (high - low);
  for (const value of values) {
    const bin = Math.max(0, Math.min(BINS - 1, Math.floor((value - low) * perUnit)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { low, high, counts, ...summary };
}

/** Histograms over the same range. */
function histograms(kernels: Kernels, batches: Float32Array[]): Histogram[] {
  const summaries = batches.map((values) => summaryOf(kernels, values));
  const range = padded(
    Math.min(...summaries.map(({ least }) => least)),
    Math.max(...summaries.map(({ most }) => most)),
  );
  return batches.map((values, i) => histogram(values, summaries[i] as Summary, range));
}

/** The largest |result - exact| / max(1, |exact|); NaN if a result is. */
export function largestError(results: ArrayLike<number>, exact: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < results.length; i++) {
    const value = exact[i] as number;
    const error = Math.abs((results[i] as number) - value) / Math.max(1, Math.abs(value));
    if (!(error <= largest)) largest = error;
    if (Number.isNaN(largest)) break;
  }
  return largest;
}

/** Activations: normal deviates, and one outlier in each row. */
function activations(deviates: Float32Array, { size, offset, std, outlier }: LookSettings): Float32Array {
  const x = deviates.map((deviate) => offset + std * deviate);
  if (outlier > 0) for (let i = 0; i < x.length; i += size) x[i] = offset + std * outlier;
  return x;
}

function rowResults(kernels: Kernels, x: Float32Array) {
  const size = x.length;
  const exact = reference.forward("layerNormSimple", x, { size }).y;
  const ours = kernels.layerNormSimple({ size }).forward(x, { stats: false }).y;
  const [single, double] = [new Float32Array(size), new Float32Array(size)];
  onePass.layerNormSimple(x, single, size);
  twoPass.layerNormSimple(x, double, size);
  return { exact, ours, single, double };
}

function errorsOf(kernels: Kernels, x: Float32Array, offset: number): ErrorAt {
  const { exact, ours, single, double } = rowResults(kernels, x);
  return {
    offset,
    kernels: largestError(ours, exact),
    onePass: largestError(single, exact),
    loops: largestError(double, exact),
  };
}

export function look(kernels: Kernels, settings: LookSettings): LookResult {
  const { rows, size, scale, k, seed } = settings;
  const random = seeded(seed);
  const deviates = normals(random, rows * size, 1);
  const x = activations(deviates, settings);
  const simple = kernels.layerNormSimple({ size });
  const rms = kernels.rmsNorm({ size });
  const { y: z, ...stats } = simple.forward(x);
  const ofRms = rms.forward(x);
  const ada = kernels.adaNorm({ size, scale, k }).forward(x, { stats: false }).y;
  // Its mean is 1 and it goes along with z, so that both projections of backward have something to subtract.
  const dz = normals(random, rows * size, 1).map((deviate, i) => 1 + deviate + 0.5 * (z[i] as number));
  const given = dz.map((value, i) => value * (stats.rstd[Math.floor(i / size)] as number));

  const [ofX] = histograms(kernels, [x]);
  const [layerNorm, rmsNorm, adaNorm] = histograms(kernels, [z, ofRms.y, ada]);
  const dx = simple.backward(dz, x, stats).dx;
  const gradients = histograms(kernels, [given, dx]);
  const ofRmsGradient = histograms(kernels, [rms.backward(dz, x, ofRms).dx]);

  const first = x.subarray(0, size);
  const { exact, ours, single } = rowResults(kernels, first);
  const shown = (values: ArrayLike<number>) => Array.from(values).slice(0, SHOWN);
  const errorsByOffset = OFFSETS.map((offset) => {
    const moved = activations(deviates.subarray(0, size), { ...settings, offset });
    return errorsOf(kernels, moved, offset);
  });
  return {
    x: ofX as Histogram,
    layerNorm: layerNorm as Histogram,
    rmsNorm: rmsNorm as Histogram,
    adaNorm: adaNorm as Histogram,
    given: gradients[0] as Histogram,
    layerNormGradient: gradients[1] as Histogram,
    rmsNormGradient: ofRmsGradient[0] as Histogram,
    row: { exact: shown(exact), kernels: shown(ours), onePass: shown(single) },
    errors: errorsOf(kernels, first, settings.offset),
    errorsByOffset,
  };
}
