/** One run: trains a model from its seed, scores it, and observes its gradients. */
import * as tf from "@tensorflow/tfjs-core";
import { seeded, shuffle } from "../digits/random.ts";
import { Adam } from "./adam.ts";
import { observeGradients } from "./gradients.ts";
import { Parameters } from "./parameters.ts";
import type { Plan } from "./plans.ts";
import type { Point, Result, Score, Settings } from "./result.ts";
import type { Batch, Split, Task } from "./tasks/task.ts";

/** Points of a curve. */
const POINTS = 20;

/** Examples scored at a time. */
const SCORED = 500;

/** Examples whose gradients are observed. */
const OBSERVED = 32;

type Model = (inputs: tf.Tensor) => tf.Tensor2D;

function lossOf(model: Model, { inputs, labels }: Batch, classes: number): tf.Scalar {
  const right = tf.oneHot(labels, classes);
  return tf.losses.softmaxCrossEntropy(right, model(inputs)) as tf.Scalar;
}

/** So many of them, evenly spaced. */
function spread(count: number, some: number): Uint32Array {
  const length = Math.min(count, some);
  return Uint32Array.from({ length }, (_, i) => Math.floor((i * count) / length));
}

function score(model: Model, split: Split, most: number, classes: number): Score {
  const examples = spread(split.count, most);
  let loss = 0;
  let right = 0;
  for (let from = 0; from < examples.length; from += SCORED) {
    const some = examples.subarray(from, from + SCORED);
    const [part, hits] = tf.tidy(() => {
      const { inputs, labels } = split.take(some);
      const logits = model(inputs);
      const found = tf.losses.softmaxCrossEntropy(tf.oneHot(labels, classes), logits).dataSync()[0] as number;
      const best = tf.argMax(logits, 1).dataSync();
      return [found, (labels.dataSync() as Int32Array).reduce((sum, label, i) => sum + Number(label === best[i]), 0)];
    });
    loss += part * some.length;
    right += hits;
  }
  return { loss: loss / examples.length, accuracy: right / examples.length };
}

/** The numbers of the examples, batch by batch; every example comes once in a pass. */
function* batches(count: number, batch: number, seed: number): Generator<Uint32Array, never> {
  const random = seeded(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (;;) {
    shuffle(random, order);
    for (let from = 0; from + batch <= count; from += batch) yield order.slice(from, from + batch);
  }
}

function rateAt(step: number, { steps, learningRate }: Plan): number {
  return (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
}

/**
 * Trains and scores. The seed alone decides the initial weights and the order of the examples, so that the runs of one seed
 * differ in the norm only.
 *
 * @param report called after every step with the number of steps done; training waits for it.
 */
export async function train(settings: Settings, task: Task, report: (steps: number) => Promise<void>): Promise<Result> {
  const begin = performance.now();
  const { plan, seed, norm } = settings;
  const parameters = new Parameters(norm, seeded(3 * seed));
  const model = task.build(parameters);
  const optimizer = new Adam(parameters.variables);
  const order = batches(task.training.count, plan.batch, 3 * seed + 1);
  const chance = seeded(3 * seed + 2);
  const interval = Math.max(1, Math.floor(plan.steps / POINTS));
  const curve: Point[] = [];
  let losses: number[] = [];
  let last = Number.NaN;
  for (let step = 0; step < plan.steps; step++) {
    last = tf.tidy(() => {
      const batch = task.training.take(order.next().value, chance);
      const { value, grads } = tf.variableGrads(() => lossOf(model, batch, task.classes), parameters.variables);
      optimizer.step(grads, rateAt(step, plan));
      return value.dataSync()[0] as number;
    });
    // A model with such a loss does not recover.
    if (!Number.isFinite(last)) break;
    losses.push(last);
    if ((step + 1) % interval === 0) {
      const { loss } = score(model, task.heldOut, plan.validation, task.classes);
      const training = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      curve.push({ step: step + 1, training, heldOut: loss });
      losses = [];
    }
    await report(step + 1);
  }
  const ended = Number.isFinite(last);
  const batch = task.training.take(spread(task.training.count, OBSERVED));
  return {
    settings,
    curve,
    ...(ended && { score: score(model, task.heldOut, plan.test, task.classes) }),
    gradients: ended ? observeGradients(parameters, () => lossOf(model, batch, task.classes)) : [],
    seconds: (performance.now() - begin) / 1000,
  };
}
