import type { Abi } from "./abi.js";
import type { Settings } from "./options.js";

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

/** As the kernels take it: converting it once is one conversion less in every call. */
function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** The norms z = gain y + bias; centred, or about 0 as rmsNorm is. */
function bindAffine(abi: Abi, { name, eps, epsAt, ddof, detachMean, detachStd }: Settings, size: number): NormKernels {
  const centred = name !== "rmsNorm";
  // rmsNorm: a mean of 0 has no derivative, and squares about it lose no degree of freedom.
  const freedom = centred ? ddof : 0;
  const constantMean = flag(detachMean || !centred);
  const constantStd = flag(detachStd);
  const epsAtStd = flag(epsAt === "std");
  const about = flag(centred);
  const { affineForward, rowStatistics, affineBackward } = abi;
  return {
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
}

function bindAda(abi: Abi, settings: Settings, size: number): NormKernels {
  const { eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale } = settings;
  const epsAtStd = flag(epsAt === "std");
  const constantMean = flag(detachMean);
  const constantStd = flag(detachStd);
  const constantScale = flag(detachScale);
  const { adaForward, rowStatistics, adaBackward } = abi;
  return {
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
}

/** Binds the kernels of a norm to its options. */
export function bindNorm(abi: Abi, settings: Settings, size: number): NormKernels {
  return settings.name === "adaNorm" ? bindAda(abi, settings, size) : bindAffine(abi, settings, size);
}
