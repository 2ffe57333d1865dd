/**
 * The classifier: 784 pixels, a dense layer, residual layers, and 10 logits; with its gradients and one step of gradient
 * descent. A residual layer adds a dense product of the ReLU of its input to the input, and the norm stands behind the sum, as
 * in the Transformer. Without a norm the rows grow from sum to sum.
 *
 * The norm's two directions run on the kernels. The dense products are loops here. Two things make these loops fast. Every
 * inner loop walks two arrays side by side, because the weights lie input by input. And inputs of 0 are skipped in both
 * directions, because their products are 0: four fifths of the pixels, and about half of what a ReLU gives out.
 */
import type { Norm, RowStats } from "adanorm";
import { CLASSES, type Digits, PIXELS } from "./digits.ts";
import { normals, type Random } from "./random.ts";

/** Elements of a hidden row, which is what the norm works on. */
export const WIDTH = 64;

/** Hidden layers, unless more or fewer are asked for: the first one, and the residual ones. */
export const DEPTH = 8;

/** The parameters of one layer. */
interface Layer {
  /** inputs x outputs */
  weights: Float32Array;
  bias: Float32Array;
}

/** A layer with the norm behind it. */
export interface HiddenLayer extends Layer {
  /** The norm's own parameters, where it has any. */
  affine?: { gain: Float32Array; bias: Float32Array };
}

/** What one batch leaves behind at a hidden layer: `rows x 64` each. */
export interface LayerPass {
  /** Before the norm. */
  x: Float32Array;
  /** After the norm. The same array as x where there is none. */
  y: Float32Array;
  /** The loss of each row differentiated by y, divided by `rows` in training. */
  dy: Float32Array;
  /** The same by x. The same array as dy where there is no norm. */
  dx: Float32Array;
  /** What the norm's forward found in each row. */
  stats?: RowStats;
}

/** What one batch leaves behind. Rows are digits. */
export interface Pass {
  rows: number;
  layers: LayerPass[];
  /** `rows x 10`; after {@link Network.backward} the loss differentiated by them. */
  logits: Float32Array;
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

/** sum of a[s..] * b[t..], in two parts, so that not every addition waits for the one before. */
function dot(a: Float32Array, s: number, b: Float32Array, t: number, length: number): number {
  let [even, odd] = [0, 0];
  let i = 0;
  for (; i + 1 < length; i += 2) {
    even += (a[s + i] as number) * (b[t + i] as number);
    odd += (a[s + i + 1] as number) * (b[t + i + 1] as number);
  }
  return i < length ? even + odd + (a[s + i] as number) * (b[t + i] as number) : even + odd;
}

/** Softmax cross-entropy of one row of logits, which become the loss differentiated by them, times `weight`. */
function crossEntropy(logits: Float32Array, label: number, weight: number): { loss: number; correct: boolean } {
  const largest = Math.max(...logits);
  const correct = logits.indexOf(largest) === label;
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  const loss = Math.log(sum) + largest - (logits[label] as number);
  for (let c = 0; c < logits.length; c++) {
    const probability = Math.exp((logits[c] as number) - largest) / sum;
    logits[c] = weight * (probability - (c === label ? 1 : 0));
  }
  return { loss, correct };
}

export class Network {
  readonly hidden: HiddenLayer[];
  readonly output: Layer;
  readonly #dAffine: { dGain: Float32Array; dBias: Float32Array }[];

  /**
   * @param norm behind every hidden layer; undefined for none. In training it may be replaced by one with the same size and
   * other options.
   * @param depth hidden layers.
   */
  constructor(
    public norm: Norm | undefined,
    affine: boolean,
    random: Random,
    depth: number = DEPTH,
  ) {
    // The weights keep the size of what goes through a ReLU and them (He et al. 2015).
    this.hidden = Array.from({ length: depth }, (_, layer) => {
      const inputs = layer === 0 ? PIXELS : WIDTH;
      return {
        weights: normals(random, inputs * WIDTH, Math.sqrt(2 / inputs)),
        bias: new Float32Array(WIDTH),
        ...(affine && { affine: { gain: new Float32Array(WIDTH).fill(1), bias: new Float32Array(WIDTH) } }),
      };
    });
    this.output = {
      weights: normals(random, WIDTH * CLASSES, Math.sqrt(1 / WIDTH)),
      bias: new Float32Array(CLASSES),
    };
    this.#dAffine = this.hidden.map(() => ({ dGain: new Float32Array(WIDTH), dBias: new Float32Array(WIDTH) }));
  }

  /** Arrays for batches of `rows` digits, to be used again and again. */
  allocate(rows: number): Pass {
    const array = () => new Float32Array(rows * WIDTH);
    const layers = this.hidden.map(() => {
      const [x, dy] = [array(), array()];
      return this.norm ? { x, y: array(), dy, dx: array() } : { x, y: x, dy, dx: dy };
    });
    return { rows, layers, logits: new Float32Array(rows * CLASSES) };
  }

  /** out += relu(y) weights + bias, for all rows. */
  #addDense(y: Float32Array, { weights, bias }: Layer, out: Float32Array): void {
    const outputs = bias.length;
    for (let row = 0; row * outputs < out.length; row++) {
      addScaled(out, row * outputs, bias, 0, outputs, 1);
      for (let i = 0; i < WIDTH; i++) {
        const input = y[row * WIDTH + i] as number;
        if (input > 0) addScaled(out, row * outputs, weights, i * outputs, outputs, input);
      }
    }
  }

  /** The first layer, for the digits that `order` names. */
  #densePixels({ pixels }: Digits, order: Uint32Array, { weights, bias }: Layer, out: Float32Array): void {
    order.forEach((digit, row) => {
      out.set(bias, row * WIDTH);
      for (let p = 0; p < PIXELS; p++) {
        const ink = pixels[digit * PIXELS + p] as number;
        if (ink !== 0) addScaled(out, row * WIDTH, weights, p * WIDTH, WIDTH, ink / 255);
      }
    });
  }

  /** From pixels to logits, for the digits that `order` names. */
  forward(digits: Digits, order: Uint32Array, { layers, logits }: Pass): void {
    let below: Float32Array | undefined;
    this.hidden.forEach((layer, i) => {
      const pass = layers[i] as LayerPass;
      if (below) {
        pass.x.set(below);
        this.#addDense(below, layer, pass.x);
      } else this.#densePixels(digits, order, layer, pass.x);
      if (this.norm) pass.stats = this.norm.forward(pass.x, { ...layer.affine, out: pass.y });
      below = pass.y;
    });
    this.#addDense(below as Float32Array, this.output, logits.fill(0));
  }

  /** Adds the gradient of y, from that of relu(y) weights + bias; where the ReLU gives 0, it is 0. */
  #addDenseBackward(y: Float32Array, { weights, bias }: Layer, dOut: Float32Array, dy: Float32Array): void {
    const outputs = bias.length;
    for (let row = 0; row * WIDTH < y.length; row++) {
      for (let i = 0; i < WIDTH; i++) {
        const at = row * WIDTH + i;
        if ((y[at] as number) <= 0) continue;
        dy[at] = (dy[at] as number) + dot(dOut, row * outputs, weights, i * outputs, outputs);
      }
    }
  }

  /**
   * From softmax cross-entropy back to the first layer's x; `weight` multiplies the loss of each row.
   *
   * @returns the unweighted loss summed over the rows, and how many rows had the largest logit at their label.
   */
  backward(digits: Digits, order: Uint32Array, pass: Pass, weight: number): { loss: number; correct: number } {
    const { layers, logits } = pass;
    let loss = 0;
    let correct = 0;
    order.forEach((digit, row) => {
      const own = logits.subarray(row * CLASSES, (row + 1) * CLASSES);
      const found = crossEntropy(own, digits.labels[digit] as number, weight);
      loss += found.loss;
      correct += Number(found.correct);
    });
    let above: { layer: Layer; dOut: Float32Array } = { layer: this.output, dOut: logits };
    for (let i = this.hidden.length - 1; i >= 0; i--) {
      const { x, y, dy, dx, stats } = layers[i] as LayerPass;
      const layer = this.hidden[i] as HiddenLayer;
      // What goes past the dense product of a residual layer; nothing goes past that of the output.
      if (above.layer === this.output) dy.fill(0);
      else dy.set(above.dOut);
      this.#addDenseBackward(y, above.layer, above.dOut, dy);
      this.norm?.backward(dy, x, stats, {
        ...layer.affine,
        out: { dx, ...(layer.affine && this.#dAffine[i]) },
      });
      above = { layer, dOut: dx };
    }
    return { loss, correct };
  }

  /** Moves the parameters of a layer along the gradient. */
  #descend({ weights, bias }: Layer, y: Float32Array, dOut: Float32Array, rate: number): void {
    const outputs = bias.length;
    for (let row = 0; row * WIDTH < y.length; row++) {
      addScaled(bias, 0, dOut, row * outputs, outputs, -rate);
      for (let i = 0; i < WIDTH; i++) {
        const input = y[row * WIDTH + i] as number;
        if (input > 0) addScaled(weights, i * outputs, dOut, row * outputs, outputs, -rate * input);
      }
    }
  }

  #descendPixels({ pixels }: Digits, order: Uint32Array, { weights, bias }: Layer, dx: Float32Array, rate: number) {
    order.forEach((digit, row) => {
      addScaled(bias, 0, dx, row * WIDTH, WIDTH, -rate);
      for (let p = 0; p < PIXELS; p++) {
        const ink = pixels[digit * PIXELS + p] as number;
        if (ink !== 0) addScaled(weights, p * WIDTH, dx, row * WIDTH, WIDTH, (-rate * ink) / 255);
      }
    });
  }

  /** One step of gradient descent on the mean loss of a batch. Returns that loss. */
  step(digits: Digits, order: Uint32Array, pass: Pass, learningRate: number): number {
    this.forward(digits, order, pass);
    const { loss } = this.backward(digits, order, pass, 1 / pass.rows);
    const { layers, logits } = pass;
    this.hidden.forEach((layer, i) => {
      const { dx } = layers[i] as LayerPass;
      if (i === 0) this.#descendPixels(digits, order, layer, dx, learningRate);
      else this.#descend(layer, (layers[i - 1] as LayerPass).y, dx, learningRate);
      if (!layer.affine) return;
      const { dGain, dBias } = this.#dAffine[i] as { dGain: Float32Array; dBias: Float32Array };
      addScaled(layer.affine.gain, 0, dGain, 0, WIDTH, -learningRate);
      addScaled(layer.affine.bias, 0, dBias, 0, WIDTH, -learningRate);
    });
    this.#descend(this.output, (layers.at(-1) as LayerPass).y, logits, learningRate);
    return loss / pass.rows;
  }
}
