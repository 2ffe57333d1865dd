/** Subwords, BLEU, attention and decoding. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs-core";
import { normals, seeded } from "../../digits/random.ts";
import { startEngine } from "../engine.ts";
import { ready } from "../norms.ts";
import { Parameters } from "../parameters.ts";
import { PRESETS } from "../plans.ts";
import { attention, spansOf } from "../tasks/translation/attention.ts";
import { bleu, tokenize } from "../tasks/translation/bleu.ts";
import { Steps, translate } from "../tasks/translation/decoding.ts";
import { readPairs } from "../tasks/translation/pairs.ts";
import { BEGIN, END, Subwords, UNKNOWN } from "../tasks/translation/subwords.ts";
import { pack, Transformer } from "../tasks/translation/transformer.ts";

before(async () => {
  await startEngine();
  await ready();
});

test("the most frequent pair is merged first, and pairs do not cross the borders of words", () => {
  // "▁a" comes four times, "▁ab" three times, "bc" twice.
  const subwords = new Subwords(["ab abc abc a"], 3);
  assert.deepEqual(subwords.symbols.slice(3), ["a", "b", "c", "▁", "▁a", "▁ab", "▁abc"]);
  assert.deepEqual(
    subwords.encode("abc ba").map((number) => subwords.symbols[number]),
    ["▁abc", "▁", "b", "a"],
  );
  assert.deepEqual(subwords.encode("d"), [subwords.symbols.indexOf("▁"), UNKNOWN]);
});

test("pairs do not cross an apostrophe: a name is one symbol, whatever its ending", () => {
  const subwords = new Subwords(["b'da b'da b'da"], 100);
  const symbols = subwords.encode("b'da").map((number) => subwords.symbols[number]);
  assert.deepEqual(symbols, ["▁b", "'da"]);
});

test("merges end when no pair comes twice", () => {
  assert.equal(new Subwords(["ab"], 100).symbols.length, 3 + 3);
});

test("texts come back from their subwords, in both languages", () => {
  const train = readPairs("train");
  const subwords = new Subwords(
    train.flatMap(({ english, turkish }) => [english, turkish]),
    300,
  );
  for (const text of readPairs("test").flatMap(({ english, turkish }) => [english, turkish])) {
    assert.equal(subwords.decode([BEGIN, ...subwords.encode(text), END]), text);
  }
});

/** Examples and scores from the tests of sacreBLEU (test/test_bleu.py and test/test_sentence_bleu.py). */
test("BLEU is that of sacreBLEU", () => {
  const references = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
  ];
  const hypotheses = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."];
  assert.ok(Math.abs(bleu(hypotheses, references) - 48.530827) < 1e-6);
  assert.equal(bleu(["", "", ""], references), 0);
  assert.equal(bleu(["this is a cat"], [["okay thanks"]]), 0);
  assert.ok(Math.abs(bleu(["this is a test"], [["this is a test"]]) - 100) < 1e-9);
  // No sequence of four words is right: smoothing counts.
  const romanian = "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;";
  assert.ok(Math.abs(bleu([romanian], [["producţia de zahăr brut se exprimă în zahăr alb;"]]) - 8.493) < 1e-3);
});

test("a hypothesis that is too short is scored down as the definition says", () => {
  // Everything is right, and 4 words stand for 5: exp(1 - 5 / 4).
  assert.ok(Math.abs(bleu(["a b c d"], [["a b c d e"]]) - 100 * Math.exp(-1 / 4)) < 1e-9);
});

test("punctuation is set apart as mteval-v13a does it", () => {
  assert.deepEqual(tokenize("I'm a student."), ["I'm", "a", "student", "."]);
  assert.deepEqual(tokenize("(1,000.5) &quot;St. Louis&quot; 9-10 a-b"), [
    ..."( 1,000.5 )".split(" "),
    ...'" St . Louis "'.split(" "),
    ..."9 - 10 a-b".split(" "),
  ]);
});

/** The definition, with TensorFlow.js's operators, for one sentence and one head after the other. */
function plainAttention(heads: number, causal: boolean, q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D): tf.Tensor2D {
  const size = q.shape[1] / heads;
  const seen = tf.linalg.bandPart(tf.ones([q.shape[0], k.shape[0]]), -1, 0);
  const parts = Array.from({ length: heads }, (_, head) => {
    const [one, two, three] = [q, k, v].map((x) => tf.slice(x, [0, head * size], [-1, size])) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const scores = tf.div(tf.matMul(one, two, false, true), Math.sqrt(size));
    const masked = causal ? tf.sub(scores, tf.mul(tf.sub(1, seen), 1e9)) : scores;
    return tf.matMul(tf.softmax(masked as tf.Tensor2D), three) as tf.Tensor2D;
  });
  return tf.concat2d(parts, 1);
}

for (const causal of [false, true]) {
  test(`attention and its gradients are those of the definition${causal ? ", with later keys hidden" : ""}`, () => {
    const [heads, width] = [2, 16];
    const queries = spansOf([3, 1, 5]);
    const keys = causal ? queries : spansOf([2, 7, 1]);
    const total = (lengths: Int32Array) => lengths.reduce((sum, length) => sum + length, 0);
    const random = seeded(3);
    const rows = (count: number) => tf.tensor2d(normals(random, count * width, 1.5), [count, width]);
    const given = [rows(total(queries.lengths)), rows(total(keys.lengths)), rows(total(keys.lengths))];
    const dy = rows(total(queries.lengths));
    const packed = (...x: tf.Tensor[]) =>
      attention({ heads, width, queries, keys, causal }, ...(x as [tf.Tensor, tf.Tensor, tf.Tensor]));
    const plain = (...x: tf.Tensor[]) =>
      tf.concat(
        [0, 1, 2].map((sentence) => {
          const part = (tensor: tf.Tensor, { starts, lengths }: typeof keys) =>
            tf.slice(tensor as tf.Tensor2D, [starts[sentence] as number, 0], [lengths[sentence] as number, width]);
          const [q, k, v] = x as [tf.Tensor, tf.Tensor, tf.Tensor];
          return plainAttention(heads, causal, part(q, queries), part(k, keys), part(v, keys));
        }),
      );
    const near = (found: tf.Tensor, expected: tf.Tensor) => {
      assert.deepEqual(found.shape, expected.shape);
      const right = expected.dataSync();
      found.dataSync().forEach((value, i) => {
        // Written so that NaN fails too.
        assert.ok(Math.abs(value - (right[i] as number)) <= 1e-5, `element ${i}: ${value}, not ${right[i]}`);
      });
    };
    near(packed(...given), plain(...given));
    const expected = tf.grads(plain)(given, dy);
    tf.grads(packed)(given, dy).forEach((gradient, i) => {
      near(gradient, expected[i] as tf.Tensor);
    });
  });
}

/** An untrained Transformer, and sentences for it. */
function untrained() {
  const vocabulary = 30;
  const plan = { ...PRESETS.full.plans.atis, width: 16, layers: 2 };
  const transformer = new Transformer(new Parameters("layerNorm", seeded(5)), vocabulary, plan);
  const sentences = [
    [4, 5, 6, END],
    [7, END],
    [8, 9, 10, 11, 12, END],
  ];
  return { transformer, sentences, vocabulary };
}

test("decoding step by step, with keys and values kept, predicts what decoding at once does", () => {
  const { transformer, sentences, vocabulary } = untrained();
  const targets = [3, 4, 5].map((first) => [BEGIN, first, first + 10, first + 1, 20]);
  const sources = pack(sentences);
  const atOnce = tf
    .logSoftmax(transformer.logits(transformer.decode(pack(targets), transformer.encode(sources), sources.spans)))
    .dataSync();
  // Two hypotheses of each sentence: the first one starts wrong, and goes on from the second one.
  const steps = new Steps(transformer, sentences, [0, 0, 1, 1, 2, 2], 8);
  for (let place = 0; place < 5; place++) {
    const right = targets.map((target) => target[place] as number);
    const wrong = place === 0 ? BEGIN : 29;
    const given = place < 3 ? right.flatMap((symbol) => [wrong, symbol]) : right.flatMap((symbol) => [symbol, wrong]);
    const found = steps.next(Int32Array.from(given));
    if (place === 2) steps.choose([1, 1, 3, 3, 5, 5]);
    for (let sentence = 0; sentence < 3; sentence++) {
      const row = 2 * sentence + (place < 3 ? 1 : 0);
      for (let symbol = 0; symbol < vocabulary; symbol++) {
        const expected = atOnce[(sentence * 5 + place) * vocabulary + symbol] as number;
        assert.ok(Math.abs((found[row * vocabulary + symbol] as number) - expected) < 1e-4);
      }
    }
  }
  steps.dispose();
});

/** The logarithm of the probability of a translation and its end. */
function logarithmOf(transformer: Transformer, sentence: number[], translation: number[]): number {
  return tf.tidy(() => {
    const sources = pack([sentence]);
    const rows = transformer.decode(pack([[BEGIN, ...translation]]), transformer.encode(sources), sources.spans);
    const found = tf.logSoftmax(transformer.logits(rows)).arraySync() as number[][];
    return [...translation, END].reduce((sum, symbol, i) => sum + (found[i]?.[symbol] as number), 0);
  });
}

test("a beam of one takes the likeliest subword at each place", () => {
  const { transformer, sentences } = untrained();
  const memory = tf.memory().numTensors;
  const found = translate(transformer, sentences, 1);
  assert.equal(tf.memory().numTensors, memory);
  assert.equal(found.length, sentences.length);
  found.forEach((translation, i) => {
    assert.ok(translation.length <= (sentences[i]?.length as number) + 20);
    const one = pack([sentences[i] as number[]]);
    const rows = transformer.decode(pack([[BEGIN, ...translation]]), transformer.encode(one), one.spans);
    const best = [...tf.argMax(transformer.logits(rows), 1).dataSync()];
    assert.deepEqual(best.slice(0, translation.length), translation);
  });
});

test("a wide beam finds translations that are likelier, for their length, than those of a beam of one", () => {
  const { transformer, sentences } = untrained();
  const [wide, narrow] = [translate(transformer, sentences, 12), translate(transformer, sentences, 1)];
  const perSymbol = (sentence: number[], translation: number[]) =>
    logarithmOf(transformer, sentence, translation) / (translation.length + 1);
  const gains = sentences.map(
    (sentence, i) => perSymbol(sentence, wide[i] as number[]) - perSymbol(sentence, narrow[i] as number[]),
  );
  for (const gain of gains) assert.ok(gain > -1e-5);
  assert.ok(Math.max(...gains) > 1e-3);
});
