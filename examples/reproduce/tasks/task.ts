/** What a task is: data, and a model for it. */
import type * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../../digits/random.ts";
import type { Parameters } from "../parameters.ts";
import type { Plan } from "../plans.ts";
import type { Score } from "../result.ts";

export interface Model {
  /**
   * The mean loss over some of the training examples.
   *
   * @param chance only in training: decides how the examples are varied, and what dropout leaves out.
   */
  loss(examples: Uint32Array, chance?: Random): tf.Scalar;
  /** The loss over held-out examples, for a point of the curve. */
  validate(): number;
  /** At the end, over held-out examples that are never used for training or for choosing anything. */
  score(): Score;
}

export interface Task {
  /** Examples to train on. */
  count: number;
  /** Draws the parameters. */
  build(parameters: Parameters): Model;
}

export type Open = (plan: Plan) => Task;

/** So many of `count` examples, evenly spaced. */
export function spread(count: number, some: number): Uint32Array {
  const length = Math.min(count, some);
  return Uint32Array.from({ length }, (_, i) => Math.floor((i * count) / length));
}
