/** Trains one network. The seed decides the batches and their order, so they are the same for all networks. */
import type { Digits } from "./digits.ts";
import type { Network } from "./network.ts";
import { seeded, shuffle } from "./random.ts";

/** What decides a training run besides the norm. */
export interface Settings {
  /** Training digits: the first so many. */
  train: number;
  epochs: number;
  batch: number;
  /** At the first step; it falls linearly to 0 at the last. */
  learningRate: number;
  seed: number;
}

/** Steps in a run. Digits that do not fill a batch are left out of that epoch. */
export function stepsOf({ train, epochs, batch }: Settings): number {
  return epochs * Math.floor(train / batch);
}

/**
 * The digits of each batch, epoch after epoch, without end. Digits that do not fill a batch are left out of that epoch. Each
 * epoch has another order: the same array holds them all.
 */
export function* batchesOf(digits: number, batch: number, seed: number): Generator<Uint32Array> {
  // A separate stream from the one that drew the weights.
  const random = seeded(seed + 1);
  const order = Uint32Array.from({ length: digits }, (_, i) => i);
  while (true) {
    shuffle(random, order);
    for (let start = 0; start + batch <= digits; start += batch) yield order.subarray(start, start + batch);
  }
}

/**
 * Mini-batch gradient descent. The learning rate falls to 0: with a constant rate the accuracy would depend more on the
 * last batches than on the norm.
 *
 * @param onStep called after each step.
 * @returns the loss of each batch, before its step. They end where the loss is no longer a number.
 */
export function trainNetwork(network: Network, digits: Digits, settings: Settings, onStep: () => void): Float64Array {
  const { train, batch, learningRate, seed } = settings;
  const losses = new Float64Array(stepsOf(settings));
  const pass = network.allocate(batch);
  let step = 0;
  for (const order of batchesOf(train, batch, seed)) {
    if (step === losses.length) break;
    const rate = learningRate * (1 - step / losses.length);
    const loss = network.step(digits, order, pass, rate);
    if (!Number.isFinite(loss)) return losses.slice(0, step);
    losses[step++] = loss;
    onStep();
  }
  return losses;
}
