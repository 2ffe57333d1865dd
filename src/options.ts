/** The options of norms, and of their calls: each is read once, before anything else happens, checked, and has its default. */
import { checkBoolean, checkInteger, checkNumber, checkObject, checkOneOf, rangeError, typeError } from "./checks.js";
import { checkDType } from "./dtypes.js";
import { checkOptions } from "./names.js";
import type { DType, NormName } from "./types.js";

/** A norm with all its options. */
export interface Settings {
  name: NormName;
  eps: number;
  epsAt: "variance" | "std";
  ddof: 0 | 1;
  detachMean: boolean;
  detachStd: boolean;
  scale: number;
  k: number;
  detachScale: boolean;
}

/** The names of {@link Settings}: one object can serve all norms, so that those of adaNorm are checked by all of them. */
export const SETTINGS = ["eps", "epsAt", "ddof", "detachMean", "detachStd", "scale", "k", "detachScale"] as const;

const NORM_OPTIONS: ReadonlySet<string> = new Set(["size", "dtype", ...SETTINGS]);

/** Whether a norm takes gain and bias. */
export function hasParams(name: NormName): boolean {
  return name === "layerNorm" || name === "rmsNorm";
}

/** What is given of {@link Settings}, unchecked. */
export type Given = { readonly [Name in (typeof SETTINGS)[number]]?: unknown };

/** Checks the options that say how a norm is computed. `epsName`: what errors call eps. */
export function settingsOf(call: string, name: NormName, given: Given, epsName = "eps"): Settings {
  const detached = name === "detachNorm";
  const { eps = 1e-5, epsAt = "variance", ddof = 0, detachMean = detached, detachStd = detached } = given;
  const { scale = 1, k = 1 / 10, detachScale = true } = given;
  return {
    name,
    eps: checkNumber(call, epsName, eps, 0),
    epsAt: checkOneOf(call, "epsAt", epsAt, ["variance", "std"]),
    ddof: checkOneOf(call, "ddof", ddof, [0, 1]),
    detachMean: checkBoolean(call, "detachMean", detachMean),
    detachStd: checkBoolean(call, "detachStd", detachStd),
    scale: checkNumber(call, "scale", scale, 0, true),
    k: checkNumber(call, "k", k, 0),
    detachScale: checkBoolean(call, "detachScale", detachScale),
  };
}

/** The options of a norm: what it computes, the length of its rows, and how they are stored. */
export function readNormOptions(name: NormName, options: unknown): { settings: Settings; size: number; dtype: DType } {
  checkOptions(name, "options", options, NORM_OPTIONS);
  const { size, dtype = "f32" } = options as { size?: unknown; dtype?: unknown };
  return {
    size: checkInteger(name, "size", size, 1),
    settings: settingsOf(name, name, options),
    dtype: checkDType(name, dtype),
  };
}

/** From row to row of every batch of a call, in elements: one number for all, one for each by name, or `size`. */
export type Strides = number | { readonly [Batch: string]: number };

/**
 * Reads the `rowStride` of a call.
 *
 * @param known the names of the call's batches.
 */
export function readStrides(call: string, rowStride: unknown, size: number, known: ReadonlySet<string>): Strides {
  if (rowStride === undefined) return size;
  if (typeof rowStride !== "object" || rowStride === null) return checkStride(call, "rowStride", rowStride, size);
  checkOptions(call, "rowStride", rowStride, known);
  const strides: Record<string, number> = {};
  for (const name of known) {
    const stride = (rowStride as Record<string, unknown>)[name];
    strides[name] = stride === undefined ? size : checkStride(call, `rowStride.${name}`, stride, size);
  }
  return strides;
}

function checkStride(call: string, argument: string, stride: unknown, size: number): number {
  const expected = `an integer >= size ${size}`;
  if (typeof stride !== "number") throw typeError(call, argument, expected, stride);
  if (!Number.isSafeInteger(stride) || stride < size) throw rangeError(call, argument, expected, stride);
  return stride;
}

export function strideOf(strides: Strides, batch: string): number {
  return typeof strides === "number" ? strides : (strides[batch] as number);
}

/** The names of what calls take: of forward, backward, backward's `out`, and the batches that may have a stride. */
const FORWARD: ReadonlySet<string> = new Set(["gain", "bias", "residual", "sum", "out", "stats", "rowStride"]);
const FORWARD_BATCHES: ReadonlySet<string> = new Set(["x", "residual", "sum", "out"]);
const BACKWARD: ReadonlySet<string> = new Set(["gain", "bias", "out", "accumulate", "dSum", "rowStride"]);
const BACKWARD_BATCHES: ReadonlySet<string> = new Set(["dy", "x", "dSum", "dx"]);
const GRADIENTS: ReadonlySet<string> = new Set(["dx", "dGain", "dBias"]);

/** Stands for options that were left out. */
const NONE: { readonly [Name: string]: undefined } = Object.freeze({});

/** What forward was given besides x: each option as it came, if no more than its kind can be told without the others. */
export interface GivenForward {
  gain: unknown;
  bias: unknown;
  residual: unknown;
  sum: unknown;
  out: unknown;
  stats: boolean;
  strides: Strides;
}

export function readForward(call: string, options: unknown, size: number): GivenForward {
  if (options !== undefined) checkOptions(call, "options", options, FORWARD);
  const { gain, bias, residual, sum, out, stats = true, rowStride } = (options ?? NONE) as Record<string, unknown>;
  const strides = readStrides(call, rowStride, size, FORWARD_BATCHES);
  return { gain, bias, residual, sum, out, stats: checkBoolean(call, "stats", stats), strides };
}

/** What backward was given besides dy, x and the statistics, as {@link GivenForward}. */
export interface GivenBackward {
  gain: unknown;
  bias: unknown;
  dSum: unknown;
  dx: unknown;
  dGain: unknown;
  dBias: unknown;
  accumulate: boolean;
  strides: Strides;
}

export function readBackward(call: string, options: unknown, size: number): GivenBackward {
  if (options !== undefined) checkOptions(call, "options", options, BACKWARD);
  const given = (options ?? NONE) as Record<string, unknown>;
  const { gain, bias, out, accumulate = false, dSum, rowStride } = given;
  if (out !== undefined) checkOptions(call, "out", out, GRADIENTS);
  const { dx, dGain, dBias } = (out ?? NONE) as Record<string, unknown>;
  const strides = readStrides(call, rowStride, size, BACKWARD_BATCHES);
  return { gain, bias, dSum, dx, dGain, dBias, accumulate: checkBoolean(call, "accumulate", accumulate), strides };
}

/** What backward was given of statistics. */
export interface GivenStats {
  mean: unknown;
  rstd: unknown;
}

export function readStats(call: string, stats: unknown): GivenStats | undefined {
  if (stats === undefined) return undefined;
  checkObject(call, "stats", stats);
  const { mean, rstd } = stats as Record<string, unknown>;
  return { mean, rstd };
}
