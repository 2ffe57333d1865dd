/** One run: trains a model from its seed, scores it, and observes its gradients. */
import * as tf from "@tensorflow/tfjs-core";
import { seeded, shuffle } from "../digits/random.ts";
import { Adam } from "./adam.ts";
import { observeGradients } from "./gradients.ts";
import { Parameters } from "./parameters.ts";
import type { Plan } from "./plans.ts";
import type { Point, Result, Settings } from "./result.ts";
import { spread, type Task } from "./tasks/task.ts";

/** Points of a curve. */
const POINTS = 20;

/** Examples whose gradients are observed. */
const OBSERVED = 32;

/** The numbers of the examples, batch by batch; every example comes once in a pass. */
function* batches(count: number, batch: number, seed: number): Generator<Uint32Array, never> {
  const random = seeded(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (;;) {
    shuffle(random, order);
    for (let from = 0; from + batch <= count; from += batch) yield order.slice(from, from + batch);
  }
}

/** Rises along a line while warming up, then falls to 0 along half a cosine. */
function rateAt(step: number, { steps, learningRate, warmUp = 0 }: Plan): number {
  if (step < warmUp) return (learningRate * (step + 1)) / warmUp;
  return (learningRate * (1 + Math.cos((Math.PI * (step - warmUp)) / (steps - warmUp)))) / 2;
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
  const order = batches(task.count, plan.batch, 3 * seed + 1);
  const chance = seeded(3 * seed + 2);
  const interval = Math.max(1, Math.floor(plan.steps / POINTS));
  const curve: Point[] = [];
  let losses: number[] = [];
  let last = Number.NaN;
  for (let step = 0; step < plan.steps; step++) {
    last = tf.tidy(() => {
      const examples = order.next().value;
      const { value, grads } = tf.variableGrads(() => model.loss(examples, chance), parameters.variables);
      optimizer.step(grads, rateAt(step, plan));
      return value.dataSync()[0] as number;
    });
    // A model with such a loss does not recover.
    if (!Number.isFinite(last)) break;
    losses.push(last);
    if ((step + 1) % interval === 0) {
      const training = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      curve.push({ step: step + 1, training, heldOut: model.validate() });
      losses = [];
    }
    await report(step + 1);
  }
  const ended = Number.isFinite(last);
  const observed = spread(task.count, OBSERVED);
  return {
    settings,
    curve,
    ...(ended && { score: model.score() }),
    gradients: ended ? observeGradients(parameters, () => model.loss(observed)) : [],
    seconds: (performance.now() - begin) / 1000,
  };
}
