/** What the options of a norm come to once they are checked. */
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions, rangeError } from "../checks.js";
import type { NormName } from "../types.js";
import type { AdaNormOptions } from "./options.js";

/** A norm with all its options: what every way of computing it needs to know. */
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

/** Whether a norm takes gain and bias. */
export function hasParams(name: NormName): boolean {
  return name === "layerNorm" || name === "rmsNorm";
}

/**
 * Checks the options of a norm, but for tensors and axes, and adds the defaults.
 *
 * @param call what errors name as the caller.
 * @param options those of an op; null stands for undefined, as saved models have it.
 * @param eps what errors call `eps`.
 */
export function settingsOf(call: string, name: NormName, options: Omit<AdaNormOptions, "axes">, eps = "eps"): Settings {
  checkOptions(call, options);
  const detached = name === "detachNorm";
  const isAda = name === "adaNorm";
  return {
    name,
    eps: checkNumber(call, eps, options.eps ?? 1e-5, 0),
    epsAt: checkOneOf(call, "epsAt", options.epsAt ?? "variance", ["variance", "std"]),
    ddof: checkOneOf(call, "ddof", options.ddof ?? 0, [0, 1]),
    detachMean: checkBoolean(call, "detachMean", options.detachMean ?? detached),
    detachStd: checkBoolean(call, "detachStd", options.detachStd ?? detached),
    scale: isAda ? checkNumber(call, "scale", options.scale ?? 1, 0, true) : 1,
    k: isAda ? checkNumber(call, "k", options.k ?? 1 / 10, 0) : 0,
    detachScale: isAda ? checkBoolean(call, "detachScale", options.detachScale ?? true) : true,
  };
}

/** Checks the number of axes that are normalised. */
export function checkAxes(call: string, axes: unknown, rank: number): number {
  checkInteger(call, "axes", axes, 1);
  if ((axes as number) > rank) throw rangeError(call, "axes", `at most the rank of x, ${rank}`, axes);
  return axes as number;
}
