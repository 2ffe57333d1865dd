/**
 * Is a sentence of the Brown corpus from fiction or not? The model is the encoder of a Transformer, normalised after the
 * sums. Its outputs are averaged over the words.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../parameters.ts";
import { classification, type Split } from "./classification.ts";
import { readSentences, type Sentences } from "./sentences.ts";
import type { Open } from "./task.ts";

/** The mask that keeps attention from the places after the end of a sentence. */
const FAR = -1e9;

/** The indices of the words, 0 where there is none. */
function split({ words, labels, length }: Sentences): Split {
  return {
    count: labels.length,
    take(examples) {
      const some = new Int32Array(examples.length * length);
      examples.forEach((example, row) => {
        some.set(words.subarray(example * length, (example + 1) * length), row * length);
      });
      const right = Int32Array.from(examples, (example) => labels[example] as number);
      return { inputs: tf.tensor2d(some, [examples.length, length], "int32"), labels: tf.tensor1d(right, "int32") };
    },
  };
}

/** Sines and cosines of the place in the sentence, as in the first Transformer. */
function places(length: number, width: number): tf.Tensor2D {
  const values = Float32Array.from({ length: length * width }, (_, i) => {
    const [place, j] = [Math.floor(i / width), i % width];
    const angle = place / 10000 ** ((j - (j % 2)) / width);
    return j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tf.tensor2d(values, [length, width]);
}

/** Attention of one head, and a dense layer of twice the width. */
function encoderLayer(parameters: Parameters, width: number, length: number) {
  const [query, key, value, mixed] = Array.from({ length: 4 }, () => parameters.dense(width, width)) as [
    (x: tf.Tensor) => tf.Tensor2D,
    (x: tf.Tensor) => tf.Tensor2D,
    (x: tf.Tensor) => tf.Tensor2D,
    (x: tf.Tensor) => tf.Tensor2D,
  ];
  const afterAttention = parameters.site(width);
  const up = parameters.dense(width, 2 * width, 2);
  const down = parameters.dense(2 * width, width);
  const afterDense = parameters.site(width);
  return (x: tf.Tensor, mask: tf.Tensor): tf.Tensor => {
    const perSentence = (rows: tf.Tensor2D) => tf.reshape(rows, [-1, length, width]) as tf.Tensor3D;
    const keysT = tf.transpose(perSentence(key(x)), [0, 2, 1]);
    const scores = tf.add(tf.mul(tf.matMul(perSentence(query(x)), keysT), 1 / Math.sqrt(width)), mask);
    const attended = tf.reshape(tf.matMul(tf.softmax(scores) as tf.Tensor3D, perSentence(value(x))), [-1, width]);
    const first = afterAttention(tf.add(x, mixed(attended)));
    return afterDense(tf.add(first, down(tf.relu(up(first)))));
  };
}

export const openBrown: Open = (plan) => {
  const { width, layers, context } = plan;
  const { training, heldOut, vocabulary } = readSentences(context);
  return classification(plan, {
    classes: 2,
    training: split(training),
    heldOut: split(heldOut),
    build(parameters) {
      const table = parameters.weights<tf.Rank.R2>([vocabulary, width], 1);
      const where = places(context, width);
      const encoder = Array.from({ length: layers }, () => encoderLayer(parameters, width, context));
      const output = parameters.dense(width, 2);
      return (words) => {
        const there = tf.cast(tf.greater(words, 0), "float32");
        const mask = tf.expandDims(tf.mul(tf.sub(1, there), FAR), 1);
        const embedded = tf.reshape(tf.gather(table, tf.reshape(words, [-1])), [-1, context, width]);
        let hidden: tf.Tensor = tf.reshape(tf.add(embedded, where), [-1, width]);
        for (const layer of encoder) hidden = layer(hidden, mask);
        const kept = tf.mul(tf.reshape(hidden, [-1, context, width]), tf.expandDims(there, -1));
        return output(tf.div(tf.sum(kept, 1), tf.sum(there, 1, true)));
      };
    },
  });
};
