/** What a task is: data, and a model for it. */
import type * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../../digits/random.ts";
import type { Parameters } from "../parameters.ts";
import type { Plan } from "../plans.ts";

/** Some examples as tensors: the input of the model, and the right class for each row of its output. */
export interface Batch {
  inputs: tf.Tensor;
  labels: tf.Tensor1D;
}

export interface Split {
  count: number;
  /** @param chance only in training: decides how examples are varied, if the task varies them. */
  take(examples: Uint32Array, chance?: Random): Batch;
}

export interface Task {
  classes: number;
  training: Split;
  /** Never used for training or for choosing anything. */
  heldOut: Split;
  /** Draws the parameters; returns the model, from inputs to logits. */
  build(parameters: Parameters): (inputs: tf.Tensor) => tf.Tensor2D;
}

export type Open = (plan: Plan) => Task;
