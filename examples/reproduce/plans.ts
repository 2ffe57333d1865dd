/** How much is trained: in two minutes, in twenty, or for as long as it takes. */

export const TASKS = ["mnist", "moby-dick", "brown", "ewt", "atis"] as const;

export type TaskName = (typeof TASKS)[number];

/** Everything that decides how a model is trained, except the norm and the seed. */
export interface Plan {
  /** Channels of the first convolution (the second has twice as many), or elements of a hidden row. */
  width: number;
  /** Residual blocks, hidden layers, or layers of the encoder and as many of the decoder. There are always two convolutions. */
  layers: number;
  /** Characters before the predicted one, or words of a sentence, or 0 where neither limits the model. */
  context: number;
  /** Pixels by which digits are moved at random in training, at most. */
  shift: number;
  /** Share of the elements that dropout leaves out in training. */
  dropout?: number;
  /** Steps in which the learning rate rises to its highest. */
  warmUp?: number;
  /** Pairs of symbols that are merged to subwords. */
  merges?: number;
  steps: number;
  batch: number;
  /** The highest of Adam's learning rate; from there it falls to 0 along half a cosine. */
  learningRate: number;
  /** Held-out examples for a point of the curve, and for the score at the end. Of a treebank, the latter are sentences. */
  validation: number;
  test: number;
}

export type Scale = "smoke" | "default" | "full";

export interface Preset {
  seeds: number;
  plans: Record<TaskName, Plan>;
}

/** More examples than there are. */
const ALL = 1e9;

const MNIST = { layers: 2, context: 0, shift: 0, batch: 128, learningRate: 2e-3, test: ALL };
const MOBY_DICK = { layers: 2, context: 16, shift: 0, batch: 128, learningRate: 2e-3 };
const BROWN = { layers: 2, context: 20, shift: 0, batch: 32, learningRate: 2e-3 };
const EWT = { layers: 2, context: 0, shift: 0, learningRate: 2e-3, dropout: 0.3 };
const ATIS = { context: 0, shift: 0, batch: 32, dropout: 0.1, merges: 1000 };

/** Steps in a pass over MNIST. */
const EPOCH = Math.floor(60_000 / MNIST.batch);

export const PRESETS: Record<Scale, Preset> = {
  smoke: {
    seeds: 1,
    plans: {
      mnist: { ...MNIST, width: 4, steps: 12, validation: 50, test: 200 },
      "moby-dick": { ...MOBY_DICK, width: 32, steps: 15, validation: 50, test: 200 },
      brown: { ...BROWN, width: 16, steps: 8, validation: 20, test: 100 },
      ewt: { ...EWT, width: 32, batch: 64, steps: 12, validation: 50, test: 20 },
      atis: { ...ATIS, width: 16, layers: 1, steps: 10, warmUp: 3, learningRate: 2e-3, validation: 10, test: 4 },
    },
  },
  default: {
    seeds: 3,
    plans: {
      mnist: { ...MNIST, width: 8, steps: EPOCH, validation: 500 },
      "moby-dick": { ...MOBY_DICK, width: 128, steps: 600, validation: 500, test: 10_000 },
      brown: { ...BROWN, width: 32, steps: 400, validation: 250, test: 4000 },
      ewt: { ...EWT, width: 100, batch: 128, steps: 500, validation: 1000, test: ALL },
      atis: { ...ATIS, width: 48, layers: 2, steps: 400, warmUp: 60, learningRate: 4e-3, validation: 60, test: 150 },
    },
  },
  full: {
    seeds: 3,
    plans: {
      mnist: { ...MNIST, width: 16, shift: 2, steps: 10 * EPOCH, validation: 1000 },
      "moby-dick": { ...MOBY_DICK, width: 192, layers: 3, steps: 8000, validation: 1000, test: 50_000 },
      brown: { ...BROWN, width: 48, learningRate: 1e-3, steps: 4000, validation: 1000, test: ALL },
      ewt: { ...EWT, width: 200, batch: 256, steps: 4000, validation: 5000, test: ALL },
      atis: {
        ...ATIS,
        width: 64,
        layers: 4,
        batch: 64,
        steps: 3000,
        warmUp: 300,
        learningRate: 4e-3,
        validation: 200,
        test: ALL,
      },
    },
  },
};

/** Seconds of one process for a step, with its share of the scoring. Only the estimate of the remaining time uses it. */
const PER_STEP: Record<Scale, Record<TaskName, number>> = {
  smoke: { mnist: 0.05, "moby-dick": 0.03, brown: 0.1, ewt: 0.15, atis: 0.15 },
  default: { mnist: 0.025, "moby-dick": 0.02, brown: 0.025, ewt: 0.03, atis: 0.06 },
  full: { mnist: 0.06, "moby-dick": 0.04, brown: 0.055, ewt: 0.047, atis: 0.15 },
};

/** From the start of a process to its first step. */
const START_UP = 1;

export interface Cost {
  startUp: number;
  step: number;
}

export function costOf(scale: Scale, task: TaskName): Cost {
  return { startUp: START_UP, step: PER_STEP[scale][task] };
}
