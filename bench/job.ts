/** What is measured, as data that processes can send to each other, and what a peer must be able to do. */

export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm";

export type Reduction = "sum" | "moments" | "l2" | "max";

interface Shape {
  rows: number;
  size: number;
}

/** layerNorm with gain and bias, rmsNorm with gain, the others have none. */
export interface ForwardJob extends Shape {
  kind: "forward";
  norm: NormName;
  /**
   * Where x and y lie: in the peer's own memory, or in arrays of the caller; with "new arrays" the peer makes y. ONNX
   * Runtime always takes and makes arrays.
   */
  on?: "matrices" | "arrays" | "new arrays";
  inPlace?: boolean;
  /** How x and y are stored. Default f32. */
  dtype?: "f16" | "bf16";
  /** A residual is added, and the sum goes to a separate place or replaces x. Default: none. */
  residual?: "own sum" | "sum in place";
  /** How many times in sequence, each on the result of the one before. Default 1. */
  nodes?: number;
}

/** The gradient with respect to x; with `params`, gain and bias are given, and their gradients are computed too. */
export interface BackwardJob extends Shape {
  kind: "backward";
  norm: NormName;
  params: boolean;
}

export interface ReduceJob extends Shape {
  kind: "reduce";
  reduction: Reduction;
}

export interface CopyJob extends Shape {
  kind: "copy";
}

export type Job = ForwardJob | BackwardJob | ReduceJob | CopyJob;

/** Any array of numbers. */
export type Numbers = Float32Array | Float64Array;

/** A job with its arrays in place. */
export interface Task {
  /** What is timed. */
  run(): void | Promise<void>;
  /** The results of a run on the original arrays, in one or several parts. */
  result(): Numbers[] | Promise<Numbers[]>;
  free(): void | Promise<void>;
}

/** One of those that are compared. */
export interface Peer {
  version: string;
  /** @throws Error when the peer has no such thing. */
  prepare(job: Job): Task | Promise<Task>;
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

/** N(mean, std^2), the same in every process. Long arrays repeat, because making them would take longer than measuring. */
function normal(length: number, seed: number, mean = 0, std = 1): Float32Array {
  const key = `${length} ${seed}`;
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
  x: ({ rows, size }: Shape) => normal(rows * size, 1),
  dy: ({ rows, size }: Shape) => normal(rows * size, 2),
  gain: ({ size }: Shape) => normal(size, 3, 1, 0.1),
  bias: ({ size }: Shape) => normal(size, 4, 0, 0.1),
};
