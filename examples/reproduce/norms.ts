/** The contenders, made of the package's ops: the operation of each norm over the last `axes` axes of x. */
import type * as tf from "@tensorflow/tfjs-core";
import { adaNorm, detachNorm, layerNorm, layerNormSimple, ready } from "adanorm/tfjs";
import { CONTENDERS, EPS, K, type NormName } from "./contenders.ts";

type Apply = (x: tf.Tensor, axes: number, gain?: tf.Tensor, bias?: tf.Tensor) => tf.Tensor;

const eps = EPS;

/** Until this promise is fulfilled, TensorFlow.js's operators do the work. */
export { ready };

const adaptive = (norm: NormName): Apply => {
  const { scale } = CONTENDERS[norm];
  return (x, axes) => adaNorm(x, { axes, eps, k: K, ...(scale !== undefined && { scale }) });
};

export const APPLY: Record<NormName, Apply | undefined> = {
  none: undefined,
  layerNorm: (x, axes, gain, bias) => layerNorm(x, { axes, eps, ...(gain && { gain }), ...(bias && { bias }) }),
  layerNormSimple: (x, axes) => layerNormSimple(x, { axes, eps }),
  detachMean: (x, axes) => layerNormSimple(x, { axes, eps, detachMean: true }),
  detachStd: (x, axes) => layerNormSimple(x, { axes, eps, detachStd: true }),
  detachNorm: (x, axes) => detachNorm(x, { axes, eps }),
  adaNorm: adaptive("adaNorm"),
  adaNorm2: adaptive("adaNorm2"),
};
