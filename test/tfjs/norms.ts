/** The norms under test, and the same norms composed over tf.moments, which TensorFlow.js differentiates itself. */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AdaNormOptions,
  type AffineNormOptions,
  adaNorm,
  detachNorm,
  l2Norm,
  layerNorm,
  layerNormSimple,
  rmsNorm,
} from "adanorm/tfjs";

export const NORMS = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"] as const;
export type NormName = (typeof NORMS)[number];

export type Options = AdaNormOptions & AffineNormOptions;

export const hasParams = (name: NormName): boolean => name === "layerNorm" || name === "rmsNorm";

const OPS = { layerNorm, layerNormSimple, detachNorm, adaNorm, rmsNorm, l2Norm };

export function norm(name: NormName, x: tf.Tensor, options: Options): tf.Tensor {
  return OPS[name](x, options);
}

/** The same values, with no gradient. */
const constant = tf.customGrad((x) => ({
  value: (x as tf.Tensor).clone(),
  gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
})) as (x: tf.Tensor) => tf.Tensor;

export function composed(name: NormName, x: tf.Tensor, options: Options): tf.Tensor {
  const detached = name === "detachNorm";
  const isL2 = name === "l2Norm";
  const {
    axes = 1,
    eps = isL2 ? 1e-12 : 1e-5,
    epsAt = "variance",
    ddof = 0,
    detachMean = detached,
    detachStd = detached,
  } = options;
  const { gain, bias, scale = 1, k = 0.1, detachScale = true } = options;
  const last = Array.from({ length: axes }, (_, i) => x.rank - axes + i);
  const size = tf.util.sizeFromShape(x.shape.slice(-axes));
  let t = x;
  let variance = tf.mean(tf.square(x), last, true);
  if (name !== "rmsNorm" && !isL2) {
    const moments = tf.moments(x, last, true);
    t = tf.sub(x, detachMean ? constant(moments.mean) : moments.mean);
    variance = tf.mul(moments.variance, size / (size - ddof));
  }
  let sigma = epsAt === "std" ? tf.add(tf.sqrt(variance), eps) : tf.sqrt(tf.add(variance, eps));
  if (isL2) sigma = tf.maximum(tf.sqrt(tf.sum(tf.square(x), last, true)), eps);
  let y = tf.div(t, detachStd ? constant(sigma) : sigma);
  if (name === "adaNorm") {
    const factor = tf.mul(scale, tf.sub(1, tf.mul(k, y)));
    y = tf.mul(detachScale ? constant(factor) : factor, y);
  }
  if (gain) y = tf.mul(y, gain);
  return bias ? tf.add(y, bias) : y;
}

/** All combinations of one value from each list. */
function combinations<T extends object>(lists: { [K in keyof T]: T[K][] }): T[] {
  let result: Record<string, unknown>[] = [{}];
  for (const [key, values] of Object.entries(lists)) {
    result = result.flatMap((one) => (values as unknown[]).map((value) => ({ ...one, [key]: value })));
  }
  return result as T[];
}

/** Every combination of a norm's options. */
export function allOptions(name: NormName): Options[] {
  const flags = [false, true];
  const both = { detachMean: flags, detachStd: flags };
  const all = combinations<Options>({ epsAt: ["variance", "std"], ddof: [0, 1], ...both });
  const ada = combinations<Options>({ scale: [1, 2], k: [0.1, 0.3], detachScale: flags });
  return name === "adaNorm" ? all.flatMap((one) => ada.map((other) => ({ ...one, ...other }))) : all;
}

let seed = 0;

/** Normally distributed numbers: different ones in each call, the same ones in each run. */
export function numbers(shape: number[], mean = 0, std = 1): tf.Tensor {
  seed += 1;
  return tf.randomNormal(shape, mean, std, "float32", seed);
}
