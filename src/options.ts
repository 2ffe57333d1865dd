/** Reads the options of norms and of their calls: each only once, before anything else, with checks and defaults. */
import { checkBoolean, checkInteger, checkNumber, checkObject, checkOneOf, rangeError, typeError } from "./checks.js";
import { checkDType } from "./dtypes.js";
import { checkOptions } from "./names.js";
import type { ChannelNormName, DType, NormName } from "./types.js";

/** The names of all norms. */
export type AnyName = NormName | ChannelNormName;

/** The options that say what a norm computes, with all defaults filled in. */
export interface Settings<Name extends AnyName = NormName> {
  name: Name;
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
const INSTANCE_OPTIONS: ReadonlySet<string> = new Set(["channels", "spatial", "dtype", ...SETTINGS]);
const GROUP_OPTIONS: ReadonlySet<string> = new Set(["channels", "groups", "spatial", "dtype", ...SETTINGS]);

/** Whether gain and bias of a norm are by channel. */
function isByChannel(name: AnyName): boolean {
  return name === "groupNorm" || name === "instanceNorm";
}

/** Whether a norm takes gain and bias. */
export function hasParams(name: AnyName): boolean {
  return name === "layerNorm" || name === "rmsNorm" || isByChannel(name);
}

/** Whether a norm subtracts the mean. */
export function isCentred(name: AnyName): boolean {
  return name !== "rmsNorm" && name !== "l2Norm";
}

/** The default of eps. That of l2Norm is the smallest norm, not something that is added. */
function epsOf(name: AnyName): number {
  return name === "l2Norm" ? 1e-12 : 1e-5;
}

/** {@link Settings} as the caller gave them, unchecked. */
export type Given = { readonly [Name in (typeof SETTINGS)[number]]?: unknown };

/** Checks the options that say what a norm computes. `epsName` is the name of eps in error messages. */
export function settingsOf<Name extends AnyName>(
  call: string,
  name: Name,
  given: Given,
  epsName = "eps",
): Settings<Name> {
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

/** The settings without those that the norm does not use. */
export function effective(settings: Settings<AnyName>) {
  const { name, eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale } = settings;
  return {
    name,
    eps,
    ...(name !== "l2Norm" && { epsAt }),
    ...(isCentred(name) && { ddof, detachMean }),
    detachStd,
    ...(name === "adaNorm" && { scale, k, detachScale }),
  };
}

/** The shape of samples whose channels come first and have a gain each. A row is one group. */
export interface Channels {
  readonly channels: number;
  readonly groups: number;
  readonly spatial: number;
}

/** The options of a norm, checked: what it computes, the length of its rows, and how they are stored. */
export interface NormOptions {
  settings: Settings<AnyName>;
  size: number;
  dtype: DType;
  /** Undefined if gain and bias have an element for each column. */
  channels: Channels | undefined;
}

export function readNormOptions(name: AnyName, options: unknown): NormOptions {
  const known = name === "groupNorm" ? GROUP_OPTIONS : name === "instanceNorm" ? INSTANCE_OPTIONS : NORM_OPTIONS;
  checkOptions(name, "options", options, known);
  const given = options as Record<string, unknown>;
  const { dtype = "f32" } = given;
  const channels = isByChannel(name) ? readChannels(name, given) : undefined;
  return {
    size: channels
      ? (channels.channels / channels.groups) * channels.spatial
      : checkInteger(name, "size", given.size, 1),
    settings: settingsOf(name, name, given),
    dtype: checkDType(name, dtype),
    channels,
  };
}

function readChannels(name: AnyName, given: Record<string, unknown>): Channels {
  const channels = checkInteger(name, "channels", given.channels, 1);
  const groups = name === "instanceNorm" ? channels : checkInteger(name, "groups", given.groups, 1);
  if (channels % groups !== 0) throw rangeError(name, "groups", `a divisor of channels ${channels}`, groups);
  return { channels, groups, spatial: checkInteger(name, "spatial", given.spatial, 1) };
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
