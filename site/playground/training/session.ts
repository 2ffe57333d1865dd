/**
 * A training that can be watched: networks with different norms, from the same weights, on the same batches, step by step.
 * It is decided by its settings and by the steps at which something was held constant or let go.
 */
import type { Kernels, RowStats } from "adanorm";
import { type Held, K, SCALE } from "../../../examples/digits/contenders.ts";
import { type HiddenLayer, type LayerPass, Network, type Pass, WIDTH } from "../../../examples/digits/network.ts";
import { seeded } from "../../../examples/digits/random.ts";
import { checkRow, type GradientRow } from "../../../examples/digits/statistics.ts";
import { batchesOf } from "../../../examples/digits/training.ts";
import { CONTENDERS, type Contender, type ContenderId, theoremOf } from "./contenders.ts";
import type { TrainingData } from "./digits.ts";

export const BATCH = 16;
/** After so many steps a training rests. */
export const MOST_STEPS = 5000;
/** Steps between two looks at the digits of the test. */
const STEPS_PER_TEST = 50;
/** The digits whose gradients are shown. */
const PROBED = 32;
/** How fast the shown loss forgets: it is an average over some 20 batches. */
const FORGETS = 0.05;

/** A switch that was thrown. */
export interface HeldFrom extends Required<Held> {
  step: number;
}

export interface TrainingSettings {
  contenders: ContenderId[];
  depth: number;
  seed: number;
  learningRate: number;
  /** In the order of their steps. */
  held: HeldFrom[];
}

/** A layer's dL/dx, averaged over the probed digits. */
export interface LayerGradient {
  /** |mean| over a row, in units of |mean(dz)| / sigma, which it would be if backward subtracted nothing. */
  mean: number;
  /** The variance over a row, in units of var(dz) / sigma^2, likewise. */
  variance: number;
  /** The root of the mean square of dL/dx itself. */
  size: number;
}

/** What is seen of one network. */
export interface NetworkFrame {
  id: ContenderId;
  /** The points of the curves that are new since the last frame. */
  loss: [step: number, loss: number][];
  accuracy: [step: number, accuracy: number][];
  /** From the first hidden layer to the last. Empty where the training has left the numbers; undefined if not asked for. */
  layers?: LayerGradient[];
  /** Rows that obey the theorem, of how many; undefined for norms that it is not about. */
  obeys?: { rows: number; of: number };
  /** The step at which the loss was not a number any more. */
  diverged?: number;
}

export interface TrainingFrame {
  step: number;
  held: Required<Held>;
  networks: NetworkFrame[];
}

interface Runner {
  contender: Contender;
  network: Network;
  pass: Pass;
  probe: Pass;
  /** The smoothed loss; NaN before the first step. */
  smoothed: number;
  frame: Pick<NetworkFrame, "loss" | "accuracy">;
  diverged?: number;
}

/** dL/dz of a row: that of y, times what stands between z and y. AdaNorm's phi is held constant, as in the paper. */
function gradientOfZ({ id }: Contender, layer: HiddenLayer, pass: LayerPass, row: number): Float64Array {
  const { mean, rstd } = pass.stats as RowStats;
  const start = row * WIDTH;
  return Float64Array.from({ length: WIDTH }, (_, i) => {
    const z = ((pass.x[start + i] as number) - (mean[row] as number)) * (rstd[row] as number);
    const factor = id === "adaNorm" ? SCALE * (1 - K * z) : (layer.affine?.gain[i] ?? 1);
    return factor * (pass.dy[start + i] as number);
  });
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export class TrainingSession {
  readonly settings: TrainingSettings;
  readonly #kernels: Kernels;
  readonly #data: TrainingData;
  readonly #runners: Runner[];
  readonly #batches: Generator<Uint32Array>;
  readonly #probed = Uint32Array.from({ length: PROBED }, (_, i) => i);
  readonly #tested: Uint32Array;
  readonly #testPasses = new Map<Runner, Pass>();
  #held: Required<Held> = { detachMean: false, detachStd: false };
  step = 0;

  constructor(kernels: Kernels, data: TrainingData, settings: TrainingSettings) {
    this.settings = settings;
    this.#kernels = kernels;
    this.#data = data;
    this.#batches = batchesOf(data.train.count, BATCH, settings.seed);
    this.#tested = Uint32Array.from({ length: data.test.count }, (_, i) => i);
    this.#runners = CONTENDERS.filter(({ id }) => settings.contenders.includes(id)).map((contender) => {
      const norm = contender.make?.(kernels, WIDTH, {});
      const network = new Network(norm, contender.affine, seeded(settings.seed), settings.depth);
      const [pass, probe] = [network.allocate(BATCH), network.allocate(PROBED)];
      return { contender, network, pass, probe, smoothed: Number.NaN, frame: { loss: [], accuracy: [] } };
    });
    this.#applyHeld();
  }

  get isOver(): boolean {
    return this.step >= MOST_STEPS || this.#runners.every(({ diverged }) => diverged !== undefined);
  }

  /** Holds statistics constant, or lets them go, from this step on. */
  hold(held: Required<Held>): void {
    const earlier = this.settings.held.filter(({ step }) => step < this.step);
    this.settings.held = [...earlier, { step: this.step, ...held }];
    this.#applyHeld();
  }

  /** Gives the networks the norms for what is held at this step. */
  #applyHeld(): void {
    const change = this.settings.held.findLast(({ step }) => step <= this.step);
    const held = { detachMean: change?.detachMean ?? false, detachStd: change?.detachStd ?? false };
    if (held.detachMean === this.#held.detachMean && held.detachStd === this.#held.detachStd) return;
    this.#held = held;
    for (const { contender, network } of this.#runners) network.norm = contender.make?.(this.#kernels, WIDTH, held);
  }

  /** One batch for every network. */
  advance(): void {
    if (this.isOver) return;
    this.#applyHeld();
    const order = this.#batches.next().value as Uint32Array;
    this.step += 1;
    for (const runner of this.#runners) if (runner.diverged === undefined) this.#train(runner, order);
    this.#applyHeld();
  }

  #train(runner: Runner, order: Uint32Array): void {
    const loss = runner.network.step(this.#data.train, order, runner.pass, this.settings.learningRate);
    if (!Number.isFinite(loss)) {
      runner.diverged = this.step;
      return;
    }
    runner.smoothed = this.step === 1 ? loss : runner.smoothed + FORGETS * (loss - runner.smoothed);
    runner.frame.loss.push([this.step, runner.smoothed]);
    if (this.step % STEPS_PER_TEST === 0) runner.frame.accuracy.push([this.step, this.#test(runner)]);
  }

  /** The share of the digits of the test that the network knows. */
  #test(runner: Runner): number {
    const { network } = runner;
    const { test } = this.#data;
    let pass = this.#testPasses.get(runner);
    if (!pass) {
      pass = network.allocate(test.count);
      this.#testPasses.set(runner, pass);
    }
    network.forward(test, this.#tested, pass);
    let correct = 0;
    for (let row = 0; row < test.count; row++) {
      const logits = pass.logits.subarray(row * 10, row * 10 + 10);
      if (logits.indexOf(Math.max(...logits)) === test.labels[row]) correct += 1;
    }
    return correct / test.count;
  }

  /** What is to be seen now. The points of the curves are given once. Gradients cost as much as some steps. */
  frame(withGradients: boolean): TrainingFrame {
    const networks = this.#runners.map((runner) => {
      const { loss, accuracy } = runner.frame;
      runner.frame = { loss: [], accuracy: [] };
      const { id } = runner.contender;
      const { diverged } = runner;
      if (diverged !== undefined) return { id, loss, accuracy, layers: [], diverged };
      return { id, loss, accuracy, ...(withGradients && this.#gradients(runner)) };
    });
    return { step: this.step, held: this.#held, networks };
  }

  /** The gradients of the probed digits, at the weights of now. */
  #gradients(runner: Runner): Pick<NetworkFrame, "layers" | "obeys"> {
    const { contender, network, probe } = runner;
    network.forward(this.#data.test, this.#probed, probe);
    network.backward(this.#data.test, this.#probed, probe, 1);
    const theorem = theoremOf(contender.id, this.#held);
    const rows: GradientRow[] = [];
    const layers = probe.layers.map((pass, index) => {
      const size = Math.sqrt(average(Array.from(pass.dx, (value) => value * value)));
      if (!pass.stats) return { mean: Number.NaN, variance: Number.NaN, size };
      const layer = network.hidden[index] as HiddenLayer;
      const { rstd } = pass.stats;
      const ofLayer = Array.from({ length: PROBED }, (_, row) => {
        const dx = pass.dx.subarray(row * WIDTH, (row + 1) * WIDTH);
        return checkRow(dx, gradientOfZ(contender, layer, pass, row), rstd[row] as number, theorem);
      });
      rows.push(...ofLayer);
      return {
        mean:
          average(ofLayer.map(({ mean }) => Math.abs(mean))) / average(ofLayer.map((row) => Math.abs(row.keptMean))),
        variance: average(ofLayer.map(({ variance }) => variance)) / average(ofLayer.map((row) => row.keptVariance)),
        size,
      };
    });
    return theorem
      ? { layers, obeys: { rows: rows.filter(({ holds }) => holds).length, of: rows.length } }
      : { layers };
  }
}
