/** From English to Turkish: requests for information on flights, by a Transformer. */
import * as tf from "@tensorflow/tfjs-core";
import type { Score } from "../result.ts";
import { type Open, spread } from "./task.ts";
import { bleu } from "./translation/bleu.ts";
import { translate } from "./translation/decoding.ts";
import { type Pair, readPairs } from "./translation/pairs.ts";
import { BEGIN, END, Subwords } from "./translation/subwords.ts";
import { pack, Transformer } from "./translation/transformer.ts";
import type { Part } from "./treebanks.ts";

/** The share of the target that label smoothing spreads over all subwords, in training. */
const SMOOTHING = 0.1;

const BEAM = 4;

/** Sentences whose loss is computed at a time. */
const SCORED = 100;

/** A pair in subwords. The source has its end; the target has neither beginning nor end. */
interface Example {
  source: number[];
  target: number[];
}

function lossOf(transformer: Transformer, examples: readonly Example[], smoothing: number, chance?: () => number) {
  const sources = pack(examples.map(({ source }) => source));
  const given = pack(examples.map(({ target }) => [BEGIN, ...target]));
  const wanted = Int32Array.from(examples.flatMap(({ target }) => [...target, END]));
  const encoded = transformer.encode(sources, chance);
  const logits = transformer.logits(transformer.decode(given, encoded, sources.spans, chance));
  const right = tf.oneHot(tf.tensor1d(wanted, "int32"), logits.shape[1]);
  return tf.losses.softmaxCrossEntropy(right, logits, undefined, smoothing) as tf.Scalar;
}

/** Nats a subword, over all of them. */
function lossOver(transformer: Transformer, examples: readonly Example[]): number {
  let loss = 0;
  let subwords = 0;
  for (let from = 0; from < examples.length; from += SCORED) {
    const some = examples.slice(from, from + SCORED);
    const count = some.reduce((sum, { target }) => sum + target.length + 1, 0);
    loss += count * tf.tidy(() => lossOf(transformer, some, 0).dataSync()[0] as number);
    subwords += count;
  }
  return loss / subwords;
}

export const openAtis: Open = (plan) => {
  const { validation, test, merges = 0 } = plan;
  const train = readPairs("train");
  const subwords = new Subwords(
    train.flatMap(({ english, turkish }) => [english, turkish]),
    merges,
  );
  const encode = ({ english, turkish }: Pair): Example => ({
    source: [...subwords.encode(english), END],
    target: subwords.encode(turkish),
  });
  const some = (part: Part, most: number) => {
    const pairs = readPairs(part);
    return Array.from(spread(pairs.length, most), (i) => pairs[i] as Pair);
  };
  const examples = train.map(encode);
  const dev = some("dev", validation).map(encode);
  return {
    count: examples.length,
    build(parameters) {
      const transformer = new Transformer(parameters, subwords.symbols.length, plan);
      return {
        loss(numbers, chance) {
          const batch = Array.from(numbers, (number) => examples[number] as Example);
          return lossOf(transformer, batch, SMOOTHING, chance);
        },
        validate: () => lossOver(transformer, dev),
        score(): Score {
          const pairs = some("test", test);
          const encoded = pairs.map(encode);
          const sources = encoded.map(({ source }) => source);
          const references = pairs.map(({ turkish }) => [turkish]);
          const bleuOf = (beam: number) => {
            const found = translate(transformer, sources, beam).map((numbers) => subwords.decode(numbers));
            return bleu(found, references);
          };
          return { loss: lossOver(transformer, encoded), bleu: bleuOf(BEAM), greedyBleu: bleuOf(1) };
        },
      };
    },
  };
};
