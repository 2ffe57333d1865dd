/**
 * The classifier: 784 pixels - 128 hidden - norm - ReLU - 10 logits, with its gradients and one step of gradient
 * descent.
 *
 * The norm's two directions run on the kernels. The dense products are loops here. Two things make these loops fast. Every
 * inner loop walks two arrays side by side (the first layer's weights lie pixel by pixel, the second's digit by digit),
 * and pixels without ink, four fifths of them, are skipped in both directions: their products are zero.
 */
import type { Norm, RowStats } from "adanorm";
import { CLASSES, type Digits, PIXELS } from "./mnist.ts";
import { normals, type Random } from "./random.ts";

/** Units of the hidden layer: the length of the rows that are normalised. */
export const HIDDEN = 128;

/** What one batch leaves behind. Rows are digits; "hidden" is `rows x 128`, "logits" is `rows x 10`. */
export interface Pass {
  rows: number;
  /** Hidden: before the norm. */
  x: Float32Array;
  /** Hidden: after the norm. The same array as x where there is none. */
  y: Float32Array;
  /** Hidden: the loss of each row differentiated by y, divided by `rows` in training. */
  dy: Float32Array;
  /** Hidden: the same by x. The same array as dy where there is no norm. */
  dx: Float32Array;
  /** Logits; after {@link Network.backward} the loss differentiated by them. */
  logits: Float32Array;
  /** What the norm's forward found in each row. */
  stats?: RowStats;
}

/** target[t..] += factor * source[s..], four at a time, because the engine does not unroll loops. */
function addScaled(
  target: Float32Array,
  t: number,
  source: Float32Array,
  s: number,
  length: number,
  factor: number,
): void {
  let i = 0;
  for (; i + 3 < length; i += 4) {
    target[t + i] = (target[t + i] as number) + factor * (source[s + i] as number);
    target[t + i + 1] = (target[t + i + 1] as number) + factor * (source[s + i + 1] as number);
    target[t + i + 2] = (target[t + i + 2] as number) + factor * (source[s + i + 2] as number);
    target[t + i + 3] = (target[t + i + 3] as number) + factor * (source[s + i + 3] as number);
  }
  for (; i < length; i++) target[t + i] = (target[t + i] as number) + factor * (source[s + i] as number);
}

/** sum of max(0, y[o..]) * w[p..], which includes the ReLU. */
function rectifiedDot(y: Float32Array, o: number, w: Float32Array, p: number): number {
  let sum = 0;
  for (let i = 0; i < HIDDEN; i++) {
    sum += Math.max(0, y[o + i] as number) * (w[p + i] as number);
  }
  return sum;
}

export class Network {
  /** 784 x 128 */
  readonly weights1: Float32Array;
  readonly bias1 = new Float32Array(HIDDEN);
  /** 10 x 128 */
  readonly weights2: Float32Array;
  readonly bias2 = new Float32Array(CLASSES);
  /** The norm's own parameters, where it has any. */
  readonly gain?: Float32Array;
  readonly bias?: Float32Array;
  readonly #dGain = new Float32Array(HIDDEN);
  readonly #dBias = new Float32Array(HIDDEN);

  constructor(
    readonly norm: Norm | undefined,
    affine: boolean,
    random: Random,
  ) {
    this.weights1 = normals(random, PIXELS * HIDDEN, Math.sqrt(2 / PIXELS));
    this.weights2 = normals(random, CLASSES * HIDDEN, Math.sqrt(1 / HIDDEN));
    if (affine) {
      this.gain = new Float32Array(HIDDEN).fill(1);
      this.bias = new Float32Array(HIDDEN);
    }
  }

  /** Arrays for batches of `rows` digits, to be used again and again. */
  allocate(rows: number): Pass {
    const hidden = () => new Float32Array(rows * HIDDEN);
    const x = hidden();
    const dy = hidden();
    const norm = this.norm !== undefined;
    const logits = new Float32Array(rows * CLASSES);
    return { rows, x, y: norm ? hidden() : x, dy, dx: norm ? hidden() : dy, logits };
  }

  /** From pixels to logits, for the digits that `order` names. */
  forward(digits: Digits, order: Uint32Array, pass: Pass): void {
    const { x, y, logits } = pass;
    order.forEach((digit, row) => {
      x.set(this.bias1, row * HIDDEN);
      for (let p = 0; p < PIXELS; p++) {
        const ink = digits.pixels[digit * PIXELS + p] as number;
        if (ink !== 0) addScaled(x, row * HIDDEN, this.weights1, p * HIDDEN, HIDDEN, ink / 255);
      }
    });
    if (this.norm) pass.stats = this.norm.forward(x, { ...this.#parameters(), out: y });
    for (let row = 0; row < pass.rows; row++) {
      for (let c = 0; c < CLASSES; c++) {
        logits[row * CLASSES + c] =
          rectifiedDot(y, row * HIDDEN, this.weights2, c * HIDDEN) + (this.bias2[c] as number);
      }
    }
  }

  /**
   * From softmax cross-entropy back to x; `weight` multiplies the loss of each row.
   *
   * @returns the unweighted loss summed over the rows, and how many rows had the largest logit at their label.
   */
  backward(digits: Digits, order: Uint32Array, pass: Pass, weight: number): { loss: number; correct: number } {
    const { x, y, dy, dx, logits } = pass;
    let loss = 0;
    let correct = 0;
    order.forEach((digit, row) => {
      const label = digits.labels[digit] as number;
      const own = logits.subarray(row * CLASSES, (row + 1) * CLASSES);
      const largest = Math.max(...own);
      if (own.indexOf(largest) === label) correct++;
      const sum = own.reduce((total, logit) => total + Math.exp(logit - largest), 0);
      loss += Math.log(sum) + largest - (own[label] as number);
      for (let c = 0; c < CLASSES; c++) {
        const probability = Math.exp((own[c] as number) - largest) / sum;
        own[c] = weight * (probability - (c === label ? 1 : 0));
      }
      dy.fill(0, row * HIDDEN, (row + 1) * HIDDEN);
      for (let c = 0; c < CLASSES; c++) {
        addScaled(dy, row * HIDDEN, this.weights2, c * HIDDEN, HIDDEN, own[c] as number);
      }
      for (let i = row * HIDDEN; i < (row + 1) * HIDDEN; i++) {
        if ((y[i] as number) <= 0) dy[i] = 0;
      }
    });
    if (this.norm) {
      const parameters = this.#parameters();
      const sums = parameters.gain ? { dGain: this.#dGain, dBias: this.#dBias } : {};
      this.norm.backward(dy, x, pass.stats, { ...parameters, out: { dx, ...sums } });
    }
    return { loss, correct };
  }

  /** One step of gradient descent on the mean loss of a batch. Returns that loss. */
  step(digits: Digits, order: Uint32Array, pass: Pass, learningRate: number): number {
    this.forward(digits, order, pass);
    const { loss } = this.backward(digits, order, pass, 1 / pass.rows);
    const { y, dx, logits } = pass;
    order.forEach((digit, row) => {
      const start = row * HIDDEN;
      // From here on the ReLU's output is needed, and y is not.
      for (let i = start; i < start + HIDDEN; i++) y[i] = Math.max(0, y[i] as number);
      for (let c = 0; c < CLASSES; c++) {
        addScaled(this.weights2, c * HIDDEN, y, start, HIDDEN, -learningRate * (logits[row * CLASSES + c] as number));
      }
      addScaled(this.bias2, 0, logits, row * CLASSES, CLASSES, -learningRate);
      addScaled(this.bias1, 0, dx, start, HIDDEN, -learningRate);
      // The gradient of the first layer goes straight into its weights, which nothing reads before the next batch.
      for (let p = 0; p < PIXELS; p++) {
        const ink = digits.pixels[digit * PIXELS + p] as number;
        if (ink !== 0) addScaled(this.weights1, p * HIDDEN, dx, start, HIDDEN, (-learningRate * ink) / 255);
      }
    });
    if (this.gain && this.bias) {
      addScaled(this.gain, 0, this.#dGain, 0, HIDDEN, -learningRate);
      addScaled(this.bias, 0, this.#dBias, 0, HIDDEN, -learningRate);
    }
    return loss / pass.rows;
  }

  #parameters(): { gain?: Float32Array; bias?: Float32Array } {
    return this.gain && this.bias ? { gain: this.gain, bias: this.bias } : {};
  }
}
