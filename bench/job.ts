/** What there is to measure, as data that goes from process to process, and what a peer has to be able to do. */

export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm";

export type Reduction = "sum" | "moments" | "l2" | "max";
/** Rows in fewer bits, each integer row by its own scale. */
export type Compaction = "int8" | "bits";

interface Shape {
  rows: number;
  size: number;
  /** The mean of x; its standard deviation is 1. Default 0. */
  mean?: number;
  /** The elements of gain and bias: several times size, one gain for each of several samples, or one element for each channel. Default size. */
  gains?: number;
}

/**
 * Where the batches lie, and gain and bias with them: in the peer's own memory, there with the call prepared beforehand, or in
 * arrays of the caller's; "new arrays" where those for the results are made by the peer. Default: matrices.
 */
export type Place = "matrices" | "prepared" | "arrays" | "new arrays";

/** layerNorm with gain and bias, rmsNorm with gain, the others have none. */
export interface ForwardJob extends Shape {
  kind: "forward";
  norm: NormName;
  /** ONNX Runtime always takes and makes arrays. */
  on?: Place;
  /** On matrices alone. */
  inPlace?: boolean;
  /** How x and y are stored. Default f32. */
  dtype?: "f16" | "bf16";
  /** A residual is added, and the sum goes to a place of its own, or where x is. Default: none. */
  residual?: "own sum" | "sum in place";
  /** How many times over, each on the result of the one before. Default 1. */
  nodes?: number;
}

/** The gradient with respect to x; with `params` also those with respect to gain and bias, which are there only then. */
export interface BackwardJob extends Shape {
  kind: "backward";
  norm: NormName;
  params: boolean;
  on?: Place;
  /** False: with `params`, the gradient with respect to x alone. */
  sums?: false;
}

/** The forward pass of a norm whose rows are groups of channels, with gain and bias, on matrices. */
export interface ChannelsJob extends Shape {
  kind: "channels";
  norm: "groupNorm" | "instanceNorm";
  channels: number;
  groups: number;
  /** Height and width of an image. */
  spatial: [number, number];
  /** As in a {@link ForwardJob}. */
  nodes?: number;
}

export interface ReduceJob extends Shape {
  kind: "reduce";
  reduction: Reduction | Compaction;
}

export interface CopyJob extends Shape {
  kind: "copy";
}

export type Job = ForwardJob | BackwardJob | ChannelsJob | ReduceJob | CopyJob;

/** Any array of numbers. */
export type Numbers = Float32Array | Float64Array | Int8Array | Uint8Array;

/** A job with its arrays in place. */
interface AnyTask {
  /** The results of a run on the arrays as they came, in one or several parts. */
  result(): Numbers[] | Promise<Numbers[]>;
  free(): void | Promise<void>;
}

export interface Task extends AnyTask {
  /** What is timed. */
  run(): void | Promise<void>;
}

/** One that runs outside of its peer's process, and is timed there. */
export interface TimedTask extends AnyTask {
  time(calls: number): Promise<Timing>;
}

/** How long a number of calls took, and what disturbed them. */
export interface Timing {
  /** Nanoseconds a call. */
  ns: number;
  /** The share of the time in which they had a core. */
  running: number;
  /** How long a fixed piece of arithmetic took before or after them, relative to the least it ever took. */
  shared: number;
}

/** One of those that are compared. */
export interface Peer {
  version: string;
  /** @throws Error when the peer has no such thing. */
  prepare(job: Job): Task | TimedTask | Promise<Task | TimedTask>;
}

/** What each file in peers/ exports as `open`. */
export type OpenPeer = (variant: string | undefined) => Peer | Promise<Peer>;

export const EPS = 1e-5;
/** C and k of adaNorm. */
export const SCALE = 1;
export const K = 0.1;

/** Arrays that are kept for the next job of the same shape. */
const KEPT = 8;
/** A prime, so that no two rows are the same. */
const PERIOD = 786_433;

/** Evenly distributed numbers in [0, 1), the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const made = new Map<string, Float32Array>();

/** N(mean, std^2), the same in every process; long arrays repeat, for they would take longer to make than to measure. */
function normal(length: number, seed: number, mean = 0, std = 1): Float32Array {
  const key = `${length} ${seed} ${mean}`;
  const known = made.get(key);
  if (known) return known;
  const next = random(seed);
  const values = new Float32Array(length);
  const period = Math.min(length, PERIOD);
  for (let i = 0; i < period; i++) {
    values[i] = mean + std * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  }
  for (let start = period; start < length; start += period) {
    values.copyWithin(start, 0, Math.min(period, length - start));
  }
  if (made.size >= KEPT) made.clear();
  made.set(key, values);
  return values;
}

/** The arrays that every peer gets, and that none may write to. */
export const inputs = {
  x: ({ rows, size, mean }: Shape) => normal(rows * size, 1, mean),
  dy: ({ rows, size }: Shape) => normal(rows * size, 2),
  gain: ({ size, gains = size }: Shape) => normal(gains, 3, 1, 0.1),
  bias: ({ size, gains = size }: Shape) => normal(gains, 4, 0, 0.1),
};
