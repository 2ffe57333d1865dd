/**
 * The norms composed of TensorFlow.js's own operators, for backends in which the kernels cannot work, and for gradients of
 * gradients. They take two passes over each row: the mean, then the squares about it. The formula of backward is that of
 * the kernels.
 */
import {
  add,
  cast,
  customGrad,
  div,
  divNoNan,
  grads,
  greater,
  maximum,
  mean,
  mul,
  reshape,
  rsqrt,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { type AnyName, isCentred, type Settings } from "../options.js";
import type { Batch, Gradients, Pass } from "./batch.js";

type Hold = (tensor: Tensor) => Tensor;

/** The statistics of each row, as tensors of the shape [rows, 1]. */
interface Statistics {
  /** Undefined if it counts as 0: for rmsNorm and l2Norm. */
  mean: Tensor | undefined;
  /** sqrt(V), without eps. Only needed, and only defined, for epsAt "std" and for l2Norm. */
  std: Tensor | undefined;
  rstd: Tensor;
}

const asIs: Hold = (tensor) => tensor;

/** The same values, but constant in gradients. */
const constant: Hold = customGrad((tensor) => ({
  value: add(tensor as Tensor, 0),
  gradFunc: (dy: Tensor) => zerosLike(dy),
}));

const rowsOf = (tensor: Tensor, { rows, size }: Batch): Tensor => reshape(tensor, [rows, size]);

/**
 * The shape in which the elements of a batch meet gain and bias, that of gain and bias there, and the axes along which they are
 * constant.
 */
function sharingOf({ rows, size, channels: shape }: Batch): { elements: number[]; param: number[]; axes: number[] } {
  if (!shape) return { elements: [rows, size], param: [1, size], axes: [0] };
  const { channels, groups, spatial } = shape;
  return { elements: [rows / groups, channels, spatial], param: [1, channels, 1], axes: [0, 2] };
}

/** The divisor in the variance V. */
function freedom({ name, ddof }: Settings<AnyName>, size: number): number {
  if (name === "l2Norm") return 1;
  return isCentred(name) ? size - ddof : size;
}

/** Computes t = x - mean and the statistics. Applies `hold` to those that the settings hold constant. */
function standardize(batch: Batch, hold: Hold): { t: Tensor; statistics: Statistics } {
  const { settings, size } = batch;
  const x = rowsOf(batch.x, batch);
  const average = isCentred(settings.name) ? mean(x, 1, true) : undefined;
  const isL2 = settings.name === "l2Norm";
  const centred = average ? sub(x, average) : x;
  const variance = mul(sum(square(centred), 1, true), 1 / freedom(settings, size));
  const std = isL2 || settings.epsAt === "std" ? sqrt(variance) : undefined;
  let rstd: Tensor;
  // Not by way of the std: its derivative is infinite for a row of zeros.
  if (isL2) rstd = rsqrt(maximum(variance, settings.eps ** 2));
  else if (std) rstd = div(1, add(std, settings.eps));
  else rstd = rsqrt(add(variance, settings.eps));
  // detachMean holds only the subtracted mean constant. The gradient still passes through the variance, with its mean.
  const t = average && settings.detachMean && hold !== asIs ? sub(x, hold(average)) : centred;
  return { t, statistics: { mean: average, std, rstd: settings.detachStd ? hold(rstd) : rstd } };
}

/** phi(z) = C (1 - k z). */
const phi = ({ scale }: Settings<AnyName>, k: number, z: Tensor): Tensor => sub(scale, mul(z, scale * k));

/** Computes y from the normalised rows z, in the shape of x. */
function finish(batch: Batch, z: Tensor, hold: Hold): Tensor {
  const { settings, gain, bias, x } = batch;
  let y = z;
  if (settings.name === "adaNorm") {
    const factor = phi(settings, settings.k, z);
    y = mul(settings.detachScale ? hold(factor) : factor, z);
  }
  const { elements, param } = sharingOf(batch);
  if (gain || bias) y = reshape(y, elements);
  if (gain) y = mul(y, reshape(gain, param));
  if (bias) y = add(y, reshape(bias, param));
  return reshape(y, x.shape);
}

/** Computes y so that it can be differentiated any number of times. Detached values are constant in every derivative. */
function composed(batch: Batch): Tensor {
  const { t, statistics } = standardize(batch, constant);
  return finish(batch, mul(t, statistics.rstd), constant);
}

/** Computes forward with operators. */
export function forwardByOps(batch: Batch): Pass {
  if (batch.rows === 0) return { y: zerosLike(batch.x), saved: [], backward: (dy, again) => backwardByOps(dy, again) };
  const { t, statistics } = standardize(batch, asIs);
  const y = finish(batch, mul(t, statistics.rstd), asIs);
  const { mean, std, rstd } = statistics;
  return {
    y,
    saved: [rstd, ...(mean ? [mean] : []), ...(std ? [std] : [])],
    backward(dy, again, [savedRstd, ...others]) {
      const savedMean = mean && others.shift();
      return backwardByOps(dy, again, { mean: savedMean, std: std && others.shift(), rstd: savedRstd as Tensor });
    },
  };
}

/** Computes backward with operators: dx = rstd (dz - mean(dz) - s z). Finds the statistics again if they are not given. */
export function backwardByOps(dy: Tensor, batch: Batch, given?: Statistics): Gradients {
  const { settings, rows, size, x, gain, bias } = batch;
  // Without rows, some backends return uninitialized memory as a sum over them.
  if (rows === 0) {
    return { dx: zerosLike(x), dGain: gain && zerosLike(gain), dBias: bias && zerosLike(bias) };
  }
  const gradients = tidy(() => {
    const statistics = given ?? standardize(batch, asIs).statistics;
    const { mean: average, std, rstd } = statistics;
    const batchRows = rowsOf(x, batch);
    const z = mul(average ? sub(batchRows, average) : batchRows, rstd);
    const dyRows = rowsOf(dy, batch);
    const { elements, param, axes } = sharingOf(batch);
    let dz = dyRows;
    if (gain) dz = rowsOf(mul(reshape(dy, elements), reshape(gain, param)), batch);
    if (settings.name === "adaNorm")
      dz = mul(dyRows, phi(settings, settings.detachScale ? settings.k : 2 * settings.k, z));
    let corrected = dz;
    if (average && !settings.detachMean) corrected = sub(corrected, mean(dz, 1, true));
    if (!settings.detachStd) {
      let s = mul(sum(mul(dz, z), 1, true), 1 / freedom(settings, size));
      // kappa = 0 where l2Norm divides by eps. For epsAt "std" it is sigma / sqrt(V), or 0 for a row without variance.
      if (std && settings.name === "l2Norm") s = mul(s, cast(greater(std, settings.eps), "float32"));
      else if (std) s = mul(s, divNoNan(1, mul(rstd, std)));
      corrected = sub(corrected, mul(s, z));
    }
    const dx = reshape(mul(corrected, rstd), x.shape);
    const total = (terms: Tensor, like: Tensor) => reshape(sum(reshape(terms, elements), axes), like.shape);
    return [dx, ...(gain ? [total(mul(dyRows, z), gain)] : []), ...(bias ? [total(dyRows, bias)] : [])];
  });
  const [dx, ...params] = gradients as [Tensor, ...Tensor[]];
  const dGain = gain && params.shift();
  return { dx, dGain, dBias: bias && params.shift() };
}

/** Computes backward so that TensorFlow.js can differentiate it again: its tape records the operators. */
export function backwardOnTape(dy: Tensor, batch: Batch): Gradients {
  const inputs = [batch.x, batch.gain, batch.bias].filter((tensor) => tensor !== undefined);
  const gradients = grads((...tensors: Tensor[]) => composed(withTensors(batch, tensors)))(inputs, dy);
  const [dx, ...params] = gradients as [Tensor, ...Tensor[]];
  const dGain = batch.gain && params.shift();
  return { dx, dGain, dBias: batch.bias && params.shift() };
}

/** The batch with other tensors for x, gain and bias. `tensors` has one for each of them that the batch has. */
export function withTensors(batch: Batch, tensors: readonly Tensor[]): Batch {
  const [x, ...params] = tensors as [Tensor, ...Tensor[]];
  const gain = batch.gain && params.shift();
  return { ...batch, x, gain, bias: batch.bias && params.shift() };
}
