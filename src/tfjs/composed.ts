/**
 * The norms composed of TensorFlow.js's own operators, for backends that the kernels cannot work in, and for gradients of
 * gradients. Two passes over each row: the mean, then the squares about it. Backward is the one formula that the kernels
 * have.
 */
import {
  add,
  customGrad,
  div,
  divNoNan,
  grads,
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
import type { Settings } from "../options.js";
import type { Batch, Gradients, Pass } from "./batch.js";

type Hold = (tensor: Tensor) => Tensor;

/** One number a row, in columns: undefined is a mean of 0. */
interface Statistics {
  mean: Tensor | undefined;
  /** sqrt(V), without eps; undefined where nothing needs it. */
  std: Tensor | undefined;
  rstd: Tensor;
}

const asIs: Hold = (tensor) => tensor;

/** The same values, held constant in gradients. */
const constant: Hold = customGrad((tensor) => ({
  value: add(tensor as Tensor, 0),
  gradFunc: (dy: Tensor) => zerosLike(dy),
}));

const rowsOf = (tensor: Tensor, { rows, size }: Batch): Tensor => reshape(tensor, [rows, size]);

/** A parameter, as a row. */
const rowOf = (tensor: Tensor, { size }: Batch): Tensor => reshape(tensor, [1, size]);

/** What V divides by. */
const freedom = ({ name, ddof }: Settings, size: number): number => (name === "rmsNorm" ? size : size - ddof);

/** x - mean, and what it is divided by. `hold` is applied to what the settings hold constant. */
function standardize(batch: Batch, hold: Hold): { t: Tensor; statistics: Statistics } {
  const { settings, size } = batch;
  const x = rowsOf(batch.x, batch);
  const average = settings.name === "rmsNorm" ? undefined : mean(x, 1, true);
  const centred = average ? sub(x, average) : x;
  const variance = mul(sum(square(centred), 1, true), 1 / freedom(settings, size));
  const std = settings.epsAt === "std" ? sqrt(variance) : undefined;
  const rstd = std ? div(1, add(std, settings.eps)) : rsqrt(add(variance, settings.eps));
  // A mean that is held constant is so where it is subtracted, not in the variance, which is a statistic by itself.
  const t = average && settings.detachMean && hold !== asIs ? sub(x, hold(average)) : centred;
  return { t, statistics: { mean: average, std, rstd: settings.detachStd ? hold(rstd) : rstd } };
}

/** C (1 - k z). */
const phi = ({ scale }: Settings, k: number, z: Tensor): Tensor => sub(scale, mul(z, scale * k));

/** The result in the shape of x, of the normalised rows. */
function finish(batch: Batch, z: Tensor, hold: Hold): Tensor {
  const { settings, gain, bias, x } = batch;
  let y = z;
  if (settings.name === "adaNorm") {
    const factor = phi(settings, settings.k, z);
    y = mul(settings.detachScale ? hold(factor) : factor, z);
  }
  if (gain) y = mul(y, rowOf(gain, batch));
  if (bias) y = add(y, rowOf(bias, batch));
  return reshape(y, x.shape);
}

/** y, differentiable as often as the operators are: what is detached is constant in every derivative. */
function composed(batch: Batch): Tensor {
  const { t, statistics } = standardize(batch, constant);
  return finish(batch, mul(t, statistics.rstd), constant);
}

/** Forward by operators. */
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

/** Backward by operators: dx = rstd (dz - mean(dz) - s z). Statistics that are not given are found again. */
export function backwardByOps(dy: Tensor, batch: Batch, given?: Statistics): Gradients {
  const { settings, rows, size, x, gain, bias } = batch;
  // Operators differ in what they make of no rows at all: some backends leave a sum over them as they find it.
  if (rows === 0) {
    return { dx: zerosLike(x), dGain: gain && zerosLike(gain), dBias: bias && zerosLike(bias) };
  }
  const gradients = tidy(() => {
    const statistics = given ?? standardize(batch, asIs).statistics;
    const { mean: average, std, rstd } = statistics;
    const batchRows = rowsOf(x, batch);
    const z = mul(average ? sub(batchRows, average) : batchRows, rstd);
    const dyRows = rowsOf(dy, batch);
    let dz = dyRows;
    if (gain) dz = mul(dyRows, rowOf(gain, batch));
    if (settings.name === "adaNorm")
      dz = mul(dyRows, phi(settings, settings.detachScale ? settings.k : 2 * settings.k, z));
    let h = dz;
    if (average && !settings.detachMean) h = sub(h, mean(dz, 1, true));
    if (!settings.detachStd) {
      let s = mul(sum(mul(dz, z), 1, true), 1 / freedom(settings, size));
      // sigma / sqrt(V); a row without variance has no such term.
      if (std) s = mul(s, divNoNan(1, mul(rstd, std)));
      h = sub(h, mul(s, z));
    }
    const dx = reshape(mul(h, rstd), x.shape);
    const columns = (terms: Tensor, like: Tensor) => reshape(sum(terms, 0), like.shape);
    return [dx, ...(gain ? [columns(mul(dyRows, z), gain)] : []), ...(bias ? [columns(dyRows, bias)] : [])];
  });
  const [dx, ...params] = gradients as [Tensor, ...Tensor[]];
  const dGain = gain && params.shift();
  return { dx, dGain, dBias: bias && params.shift() };
}

/** Backward in operators that are themselves differentiated: TensorFlow.js records what is computed here. */
export function backwardOnTape(dy: Tensor, batch: Batch): Gradients {
  const inputs = [batch.x, batch.gain, batch.bias].filter((tensor) => tensor !== undefined);
  const gradients = grads((...tensors: Tensor[]) => composed(withTensors(batch, tensors)))(inputs, dy);
  const [dx, ...params] = gradients as [Tensor, ...Tensor[]];
  const dGain = batch.gain && params.shift();
  return { dx, dGain, dBias: batch.bias && params.shift() };
}

/** The batch with other tensors in the places of x, gain and bias: as many as it has. */
export function withTensors(batch: Batch, tensors: readonly Tensor[]): Batch {
  const [x, ...params] = tensors as [Tensor, ...Tensor[]];
  const gain = batch.gain && params.shift();
  return { ...batch, x, gain, bias: batch.bias && params.shift() };
}
