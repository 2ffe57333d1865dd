/** The result of a run. Runs, store, table and charts exchange it. */
import type { NormName } from "./contenders.ts";
import type { Plan, TaskName } from "./plans.ts";

/** Everything that decides the result of a run. */
export interface Settings {
  task: TaskName;
  norm: NormName;
  seed: number;
  plan: Plan;
}

/** Over some examples: the loss, and the figures of the task. */
export interface Score {
  /** Cross entropy, in nats. */
  loss: number;
  /** Share of the examples whose likeliest class is right. */
  accuracy?: number;
  /** Parsing: shares of the words whose head is right, and whose head and relation are right. */
  unlabelled?: number;
  labelled?: number;
  /** Translation: BLEU, from 0 to 100, of what beam search finds and of the likeliest subword at each place. */
  bleu?: number;
  greedyBleu?: number;
}

export interface Point {
  /** Steps done. */
  step: number;
  /** The mean over the batches since the last point, each before its step. */
  training: number;
  /** Over the first of the held-out examples. */
  heldOut: number;
}

/** dL/dx in one row, and what the theorem derives from dz = dL/dz there. */
export interface GradientRow {
  mean: number;
  variance: number;
  /** mean(dz) / sigma and var(dz) / sigma^2. */
  keptMean: number;
  keptVariance: number;
}

/** The gradients at one place for a norm, over the rows of a batch. */
export interface SiteGradients {
  site: string;
  /** Length of a row, and how many there were with a gradient that is not 0. */
  size: number;
  rows: number;
  /** Share of the rows that obey the theorem, up to rounding to f32. */
  holds: number;
  /** Means over the rows: of sigma, and of mean and variance as in a row (means by their size, without sign). */
  sigma: number;
  mean: number;
  variance: number;
  keptMean: number;
  keptVariance: number;
  /** Some of the rows. */
  sample: GradientRow[];
}

export interface Result {
  settings: Settings;
  curve: Point[];
  /** At the end, over the held-out examples; missing if the loss became NaN. */
  score?: Score;
  /** With the trained weights. */
  gradients: SiteGradients[];
  seconds: number;
}
