import type { Abi } from "./abi.js";
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions, checkStorage } from "./checks.js";
import type { LinearMemory } from "./memory.js";
import { LinearNorm } from "./norm.js";
import type { AdaNormOptions, Norm, StatsOptions } from "./types.js";

/** As the kernels take it: converting it once is one conversion less in every call. */
function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** The options that every norm takes, checked and with their defaults. */
function statsOptions(call: string, options: StatsOptions, detached: boolean) {
  checkOptions(call, options);
  const { size, eps = 1e-5, epsAt = "variance", ddof = 0, detachMean = detached, detachStd = detached } = options;
  checkStorage(call, options);
  return {
    size: checkInteger(call, "size", size, 1),
    eps: checkNumber(call, "eps", eps, 0),
    epsAtStd: flag(checkOneOf(call, "epsAt", epsAt, ["variance", "std"]) === "std"),
    ddof: checkOneOf(call, "ddof", ddof, [0, 1]),
    detachMean: checkBoolean(call, "detachMean", detachMean),
    detachStd: checkBoolean(call, "detachStd", detachStd),
  };
}

/** The norms z = gain y + bias; centred, or about 0 as rmsNorm is; with gain and bias or without. */
function affine(
  abi: Abi,
  memory: LinearMemory,
  call: string,
  options: StatsOptions,
  kind: { centred: boolean; hasParams: boolean; detached: boolean },
): Norm {
  const { size, eps, epsAtStd, ddof, detachMean, detachStd } = statsOptions(call, options, kind.detached);
  const { centred, hasParams } = kind;
  // rmsNorm: a mean of 0 has no derivative, and squares about it lose no degree of freedom.
  const freedom = centred ? ddof : 0;
  const constantMean = flag(detachMean || !centred);
  const constantStd = flag(detachStd);
  const about = flag(centred);
  const { affineForward, rowStatistics, affineBackward, columnSums } = abi;
  return new LinearNorm(call, memory, size, hasParams, {
    forward: (x, gain, bias, y, means, rstds, rows) =>
      affineForward(x, gain, bias, y, means, rstds, rows, size, about, eps, epsAtStd, freedom),
    statistics: (x, means, rstds, rows) => rowStatistics(x, means, rstds, rows, size, about, eps, epsAtStd, freedom),
    backward: (dy, x, gain, means, rstds, dx, columns, first, rows) =>
      affineBackward(
        dy,
        x,
        gain,
        means,
        rstds,
        dx,
        columns,
        first,
        rows,
        size,
        eps,
        epsAtStd,
        freedom,
        constantMean,
        constantStd,
      ),
    columnSums,
  });
}

export function layerNorm(abi: Abi, memory: LinearMemory, options: StatsOptions): Norm {
  return affine(abi, memory, "layerNorm", options, { centred: true, hasParams: true, detached: false });
}

export function layerNormSimple(abi: Abi, memory: LinearMemory, options: StatsOptions): Norm {
  return affine(abi, memory, "layerNormSimple", options, { centred: true, hasParams: false, detached: false });
}

export function detachNorm(abi: Abi, memory: LinearMemory, options: StatsOptions): Norm {
  return affine(abi, memory, "detachNorm", options, { centred: true, hasParams: false, detached: true });
}

export function rmsNorm(abi: Abi, memory: LinearMemory, options: StatsOptions): Norm {
  return affine(abi, memory, "rmsNorm", options, { centred: false, hasParams: true, detached: false });
}

export function adaNorm(abi: Abi, memory: LinearMemory, options: AdaNormOptions): Norm {
  const call = "adaNorm";
  const { size, eps, epsAtStd, ddof, detachMean, detachStd } = statsOptions(call, options, false);
  const { scale = 1, k = 1 / 10, detachScale = true } = options;
  checkNumber(call, "scale", scale, 0, true);
  checkNumber(call, "k", k, 0);
  const constantMean = flag(detachMean);
  const constantStd = flag(detachStd);
  const constantScale = flag(checkBoolean(call, "detachScale", detachScale));
  const { adaForward, rowStatistics, adaBackward, columnSums } = abi;
  return new LinearNorm(call, memory, size, false, {
    forward: (x, _gain, _bias, y, means, rstds, rows) =>
      adaForward(x, y, means, rstds, rows, size, eps, epsAtStd, ddof, scale, k),
    statistics: (x, means, rstds, rows) => rowStatistics(x, means, rstds, rows, size, 1, eps, epsAtStd, ddof),
    backward: (dy, x, _gain, means, rstds, dx, _columns, _first, rows) =>
      adaBackward(
        dy,
        x,
        means,
        rstds,
        dx,
        rows,
        size,
        eps,
        epsAtStd,
        ddof,
        constantMean,
        constantStd,
        scale,
        k,
        constantScale,
      ),
    columnSums,
  });
}
