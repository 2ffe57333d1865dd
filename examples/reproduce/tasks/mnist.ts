/** Handwritten digits, and the paper's 3-layer CNN: two convolutions, each normalised over a whole image, and one dense layer. */
import * as tf from "@tensorflow/tfjs-core";
import { CLASSES, type Digits, PIXELS, SIDE } from "../../digits/digits.ts";
import { readMnist } from "../../digits/mnist.ts";
import { classification, type Split } from "./classification.ts";
import type { Open } from "./task.ts";

const KERNEL = 5;

/** Writes a digit, moved by some rows and columns. The new pixels at the edges are paper. */
function write(digit: Uint8Array, down: number, right: number, out: Float32Array): void {
  for (let row = Math.max(0, down); row < SIDE + Math.min(0, down); row++) {
    for (let column = Math.max(0, right); column < SIDE + Math.min(0, right); column++) {
      out[row * SIDE + column] = (digit[(row - down) * SIDE + column - right] as number) / 255;
    }
  }
}

function split({ count, pixels, labels }: Digits, shift = 0): Split {
  return {
    count,
    take(examples, chance) {
      const images = new Float32Array(examples.length * PIXELS);
      const moved = () => (chance ? Math.floor(chance() * (2 * shift + 1)) - shift : 0);
      examples.forEach((example, row) => {
        const digit = pixels.subarray(example * PIXELS, (example + 1) * PIXELS);
        write(digit, moved(), moved(), images.subarray(row * PIXELS, (row + 1) * PIXELS));
      });
      const right = Int32Array.from(examples, (example) => labels[example] as number);
      return { inputs: tf.tensor4d(images, [examples.length, SIDE, SIDE, 1]), labels: tf.tensor1d(right, "int32") };
    },
  };
}

export const openMnist: Open = (plan) => {
  const { width, shift } = plan;
  const { train, test } = readMnist();
  return classification(plan, {
    classes: CLASSES,
    training: split(train, shift),
    heldOut: split(test),
    build(parameters) {
      const channels = [1, width, 2 * width] as const;
      const layers = ([0, 1] as const).map((layer) => {
        const [inputs, outputs] = [channels[layer], channels[(layer + 1) as 1 | 2]];
        const side = SIDE / 2 ** (layer + 1);
        const shape = [KERNEL, KERNEL, inputs, outputs];
        return {
          w: parameters.weights<tf.Rank.R4>(shape, Math.sqrt(2 / (KERNEL * KERNEL * inputs))),
          b: parameters.constant([outputs], 0),
          norm: parameters.site(side, side, outputs),
        };
      });
      const features = (SIDE / 4) ** 2 * channels[2];
      const output = parameters.dense(features, CLASSES);
      return (images) => {
        let hidden = images as tf.Tensor4D;
        for (const { w, b, norm } of layers) {
          hidden = tf.relu(norm(tf.add(tf.conv2d(hidden, w, 2, "same"), b))) as tf.Tensor4D;
        }
        return output(tf.reshape(hidden, [-1, features]));
      };
    },
  });
};
