import type { Abi } from "./abi.js";
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions } from "./checks.js";
import type { AdaNormOptions, NormName, StatsOptions } from "./types.js";

/** The kernels of one norm, its options bound: what is left are where batches lie, their strides in bytes, and rows. */
export interface NormKernels {
  /** Returns 1 where y is known to hold no NaN, provided gain and bias are finite. */
  forward(
    x: number,
    xStride: number,
    residual: number,
    residualStride: number,
    sum: number,
    sumStride: number,
    gain: number,
    bias: number,
    y: number,
    yStride: number,
    means: number,
    rstds: number,
    rows: number,
  ): number;
  statistics(x: number, xStride: number, means: number, rstds: number, rows: number): void;
  backward(
    dy: number,
    dyStride: number,
    x: number,
    xStride: number,
    gain: number,
    means: number,
    rstds: number,
    dx: number,
    dxStride: number,
    columns: number,
    first: number,
    rows: number,
  ): void;
}

/** A norm with its options checked: the length of its rows, whether it takes gain and bias, and its kernels. */
export interface BoundNorm {
  size: number;
  hasParams: boolean;
  kernels: NormKernels;
}

/** As the kernels take it: converting it once is one conversion less in every call. */
function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** The options that every norm takes, checked and with their defaults. */
function statsOptions(call: NormName, options: StatsOptions) {
  checkOptions(call, options);
  const detached = call === "detachNorm";
  const { size, eps = 1e-5, epsAt = "variance", ddof = 0, detachMean = detached, detachStd = detached } = options;
  return {
    size: checkInteger(call, "size", size, 1),
    eps: checkNumber(call, "eps", eps, 0),
    epsAtStd: flag(checkOneOf(call, "epsAt", epsAt, ["variance", "std"]) === "std"),
    ddof: checkOneOf(call, "ddof", ddof, [0, 1]),
    detachMean: checkBoolean(call, "detachMean", detachMean),
    detachStd: checkBoolean(call, "detachStd", detachStd),
  };
}

/** The norms z = gain y + bias; centred, or about 0 as rmsNorm is. */
function bindAffine(abi: Abi, call: NormName, options: StatsOptions): BoundNorm {
  const { size, eps, epsAtStd, ddof, detachMean, detachStd } = statsOptions(call, options);
  const centred = call !== "rmsNorm";
  // rmsNorm: a mean of 0 has no derivative, and squares about it lose no degree of freedom.
  const freedom = centred ? ddof : 0;
  const constantMean = flag(detachMean || !centred);
  const constantStd = flag(detachStd);
  const about = flag(centred);
  const { affineForward, rowStatistics, affineBackward } = abi;
  const kernels: NormKernels = {
    forward: (x, xStride, residual, residualStride, sum, sumStride, gain, bias, y, yStride, means, rstds, rows) =>
      affineForward(
        x,
        xStride,
        residual,
        residualStride,
        sum,
        sumStride,
        gain,
        bias,
        y,
        yStride,
        means,
        rstds,
        rows,
        size,
        about,
        eps,
        epsAtStd,
        freedom,
      ),
    statistics: (x, xStride, means, rstds, rows) =>
      rowStatistics(x, xStride, means, rstds, rows, size, about, eps, epsAtStd, freedom),
    backward: (dy, dyStride, x, xStride, gain, means, rstds, dx, dxStride, columns, first, rows) =>
      affineBackward(
        dy,
        dyStride,
        x,
        xStride,
        gain,
        means,
        rstds,
        dx,
        dxStride,
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
  };
  return { size, hasParams: call === "layerNorm" || call === "rmsNorm", kernels };
}

function bindAda(abi: Abi, call: NormName, options: AdaNormOptions): BoundNorm {
  const { size, eps, epsAtStd, ddof, detachMean, detachStd } = statsOptions(call, options);
  const { scale = 1, k = 1 / 10, detachScale = true } = options;
  checkNumber(call, "scale", scale, 0, true);
  checkNumber(call, "k", k, 0);
  const constantMean = flag(detachMean);
  const constantStd = flag(detachStd);
  const constantScale = flag(checkBoolean(call, "detachScale", detachScale));
  const { adaForward, rowStatistics, adaBackward } = abi;
  const kernels: NormKernels = {
    forward: (x, xStride, residual, residualStride, sum, sumStride, _gain, _bias, y, yStride, means, rstds, rows) =>
      adaForward(
        x,
        xStride,
        residual,
        residualStride,
        sum,
        sumStride,
        y,
        yStride,
        means,
        rstds,
        rows,
        size,
        eps,
        epsAtStd,
        ddof,
        scale,
        k,
      ),
    statistics: (x, xStride, means, rstds, rows) =>
      rowStatistics(x, xStride, means, rstds, rows, size, 1, eps, epsAtStd, ddof),
    backward: (dy, dyStride, x, xStride, _gain, means, rstds, dx, dxStride, _columns, _first, rows) =>
      adaBackward(
        dy,
        dyStride,
        x,
        xStride,
        means,
        rstds,
        dx,
        dxStride,
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
  };
  return { size, hasParams: false, kernels };
}

/** Checks a norm's options and binds its kernels to them. */
export function bindNorm(abi: Abi, name: NormName, options: StatsOptions | AdaNormOptions): BoundNorm {
  return name === "adaNorm" ? bindAda(abi, name, options) : bindAffine(abi, name, options);
}
