/** What a task is: data, and a model for it. */
import type * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../../digits/random.ts";
import type { Parameters } from "../parameters.ts";
import type { Plan } from "../plans.ts";

/** Some examples as tensors: the model's input, and the classes that are right, one an output row. */
export interface Batch {
  inputs: tf.Tensor;
  labels: tf.Tensor1D;
}

export interface Split {
  count: number;
  /** @param chance in training: decides how examples are varied, where the task does so. */
  take(examples: Uint32Array, chance?: Random): Batch;
}

export interface Task {
  classes: number;
  training: Split;
  /** Never trained on, and nothing is chosen by it. */
  heldOut: Split;
  /** Draws the parameters; returns the model, from inputs to logits. */
  build(parameters: Parameters): (inputs: tf.Tensor) => tf.Tensor2D;
}

export type Open = (plan: Plan) => Task;
