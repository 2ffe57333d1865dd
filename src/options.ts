/** Reads the options of norms and of their calls: each only once, before anything else, with checks and defaults. */
import { checkBoolean, checkInteger, checkNumber, checkObject, checkOneOf, rangeError, typeError } from "./checks.js";
import { checkDType } from "./dtypes.js";
import { checkOptions } from "./names.js";
import type { DType, NormName } from "./types.js";

/** The options that say what a norm computes, with all defaults filled in. */
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

/**
 * The names of {@link Settings}. All norms accept and check those of adaNorm too, so that one object can serve all norms.
 */
export const SETTINGS = ["eps", "epsAt", "ddof", "detachMean", "detachStd", "scale", "k", "detachScale"] as const;

const NORM_OPTIONS: ReadonlySet<string> = new Set(["size", "dtype", ...SETTINGS]);

/** Whether a norm takes gain and bias. */
export function hasParams(name: NormName): boolean {
  return name === "layerNorm" || name === "rmsNorm";
}

/** Whether a norm subtracts the mean. */
export function isCentred(name: NormName): boolean {
  return name !== "rmsNorm" && name !== "l2Norm";
}

/** The default of eps. That of l2Norm is the smallest norm, not something that is added. */
function epsOf(name: NormName): number {
  return name === "l2Norm" ? 1e-12 : 1e-5;
}

/** {@link Settings} as the caller gave them, unchecked. */
export type Given = { readonly [Name in (typeof SETTINGS)[number]]?: unknown };

/** Checks the options that say what a norm computes. `epsName` is the name of eps in error messages. */
export function settingsOf(call: string, name: NormName, given: Given, epsName = "eps"): Settings {
  const detached = name === "detachNorm";
  const { eps = epsOf(name), epsAt = "variance", ddof = 0, detachMean = detached, detachStd = detached } = given;
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

/** Reads the options of a norm: what it computes, the length of its rows, and how they are stored. */
export function readNormOptions(name: NormName, options: unknown): { settings: Settings; size: number; dtype: DType } {
  checkOptions(name, "options", options, NORM_OPTIONS);
  const { size, dtype = "f32" } = options as { size?: unknown; dtype?: unknown };
  return {
    size: checkInteger(name, "size", size, 1),
    settings: settingsOf(name, name, options),
    dtype: checkDType(name, dtype),
  };
}

/** The strides of the batches of a call, in elements: one number for all, or one for each name. */
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

export function checkStride(call: string, argument: string, stride: unknown, size: number): number {
  const expected = `an integer >= size ${size}`;
  if (typeof stride !== "number") throw typeError(call, argument, expected, stride);
  if (!Number.isSafeInteger(stride) || stride < size) throw rangeError(call, argument, expected, stride);
  return stride;
}

export function strideOf(strides: Strides, batch: string): number {
  return typeof strides === "number" ? strides : (strides[batch] as number);
}

/** The names that calls accept: in the options of forward and backward, in rowStride, and in backward's `out`. */
const FORWARD: ReadonlySet<string> = new Set(["gain", "bias", "residual", "sum", "out", "stats", "rowStride"]);
const FORWARD_BATCHES: ReadonlySet<string> = new Set(["x", "residual", "sum", "out"]);
const BACKWARD: ReadonlySet<string> = new Set(["gain", "bias", "out", "accumulate", "dSum", "rowStride", "dx"]);
const BACKWARD_BATCHES: ReadonlySet<string> = new Set(["dy", "x", "dSum", "dx"]);
const GRADIENTS: ReadonlySet<string> = new Set(["dx", "dGain", "dBias"]);

/** Used for options that were left out. */
const NONE: { readonly [Name: string]: undefined } = Object.freeze({});

/** The options of forward. Those of type unknown are checked later, because their checks need other arguments. */
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

/** The options of backward, like {@link GivenForward}. */
export interface GivenBackward {
  gain: unknown;
  bias: unknown;
  dSum: unknown;
  /** Where dx goes. */
  dx: unknown;
  /** Whether there is to be a dx. */
  wantsDx: boolean;
  dGain: unknown;
  dBias: unknown;
  accumulate: boolean;
  strides: Strides;
}

export function readBackward(call: string, options: unknown, size: number): GivenBackward {
  if (options !== undefined) checkOptions(call, "options", options, BACKWARD);
  const given = (options ?? NONE) as Record<string, unknown>;
  const { gain, bias, out, accumulate = false, dSum, rowStride, dx: wantsDx = true } = given;
  if (out !== undefined) checkOptions(call, "out", out, GRADIENTS);
  const { dx, dGain, dBias } = (out ?? NONE) as Record<string, unknown>;
  const strides = readStrides(call, rowStride, size, BACKWARD_BATCHES);
  const accumulates = checkBoolean(call, "accumulate", accumulate);
  if (checkBoolean(call, "dx", wantsDx)) {
    return { gain, bias, dSum, dx, wantsDx: true, dGain, dBias, accumulate: accumulates, strides };
  }
  if (dx !== undefined) throw typeError(call, "out.dx", "none, as dx is false", dx);
  if (dSum !== undefined) throw typeError(call, "dSum", "none, as dx is false", dSum);
  const asked = [gain, bias, dGain, dBias].some((one) => one !== undefined);
  if (!asked) throw rangeError(call, "dx", "true, or a gain or bias to compute a gradient of", wantsDx);
  return { gain, bias, dSum, dx, wantsDx: false, dGain, dBias, accumulate: accumulates, strides };
}

/** The statistics that backward was given, unchecked. */
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
