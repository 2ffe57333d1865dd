/** Dropout, from a seed: TensorFlow.js's own draws its numbers anew in every process. */
import * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../digits/random.ts";

/** Zeros in some places of x, the others larger in turn. Without `chance`, x itself. */
export function dropout<T extends tf.Tensor>(x: T, rate: number, chance: Random | undefined): T {
  if (!chance || rate === 0) return x;
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(x.size);
  for (let i = 0; i < mask.length; i++) mask[i] = chance() < rate ? 0 : kept;
  return tf.mul(x, tf.tensor(mask, x.shape)) as T;
}
