/** Tasks whose model chooses one of some classes for each example: their loss and their score. */
import * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../../digits/random.ts";
import type { Parameters } from "../parameters.ts";
import type { Plan } from "../plans.ts";
import type { Score } from "../result.ts";
import { spread, type Task } from "./task.ts";

/** Examples scored at a time. */
const SCORED = 500;

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

/** From inputs to logits. `chance` decides what dropout leaves out, in training. */
export type Classifier = (inputs: tf.Tensor, chance?: Random) => tf.Tensor2D;

export interface Classification {
  classes: number;
  training: Split;
  /** For the curve and for the score. */
  heldOut: Split;
  /** Draws the parameters. */
  build(parameters: Parameters): Classifier;
  /** Takes the place of the accuracy at the end, if another figure counts. */
  score?(classifier: Classifier): Omit<Score, "loss">;
}

function lossOf(logits: tf.Tensor2D, labels: tf.Tensor1D, classes: number): tf.Scalar {
  return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, classes), logits) as tf.Scalar;
}

function scoreOf(classifier: Classifier, split: Split, most: number, classes: number) {
  const examples = spread(split.count, most);
  let loss = 0;
  let right = 0;
  for (let from = 0; from < examples.length; from += SCORED) {
    const some = examples.subarray(from, from + SCORED);
    const [part, hits] = tf.tidy(() => {
      const { inputs, labels } = split.take(some);
      const logits = classifier(inputs);
      const found = lossOf(logits, labels, classes).dataSync()[0] as number;
      const best = tf.argMax(logits, 1).dataSync();
      return [found, (labels.dataSync() as Int32Array).reduce((sum, label, i) => sum + Number(label === best[i]), 0)];
    });
    loss += part * some.length;
    right += hits;
  }
  return { loss: loss / examples.length, accuracy: right / examples.length };
}

export function classification({ validation, test }: Plan, task: Classification): Task {
  const { classes, training, heldOut } = task;
  return {
    count: training.count,
    build(parameters) {
      const classifier = task.build(parameters);
      return {
        loss(examples, chance) {
          const { inputs, labels } = training.take(examples, chance);
          return lossOf(classifier(inputs, chance), labels, classes);
        },
        validate: () => scoreOf(classifier, heldOut, validation, classes).loss,
        score() {
          if (!task.score) return scoreOf(classifier, heldOut, test, classes);
          return { loss: scoreOf(classifier, heldOut, test, classes).loss, ...task.score(classifier) };
        },
      };
    },
  };
}
