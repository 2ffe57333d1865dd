/**
 * Dependency trees of the English Web Treebank, by a transition-based parser after Chen and Manning (2014): the next transition
 * from what is around the top of the stack, by a network that is normalised before each activation.
 *
 * The tags are those of the treebank. Trees that are not projective are left out of training, not out of the test.
 */
import * as tf from "@tensorflow/tfjs-core";
import { dropout } from "../dropout.ts";
import { classification, type Split } from "./classification.ts";
import { attachment } from "./parsing/attachment.ts";
import { ALL_POSITIONS, Codes, POSITIONS, writeFeatures } from "./parsing/features.ts";
import { parse } from "./parsing/parser.ts";
import { oracle, rightOf, State } from "./parsing/state.ts";
import { type Open, spread } from "./task.ts";
import { readTreebank, type Word } from "./treebanks.ts";

/** Elements of the embeddings. There are more words than tags and relations. */
const EMBEDDING = { words: 32, tags: 16, relations: 16 } as const;

/** The states on the way to some trees, row by row, and the transition that follows each. */
interface States {
  features: Uint16Array;
  transitions: Uint8Array;
  /** Sentences that are left out because no sequence of transitions leads to their trees. */
  leftOut: number;
}

export function statesOf(sentences: readonly (readonly Word[])[], codes: Codes): States {
  const oracles = sentences.map((words) =>
    // A relation that is not in the training text never comes out of the parser. Any other one is as wrong.
    oracle(
      words,
      words.map(({ relation }) => codes.relations.get(relation) ?? 0),
    ),
  );
  const count = oracles.reduce((sum, transitions) => sum + (transitions?.length ?? 0), 0);
  const features = new Uint16Array(count * ALL_POSITIONS);
  const transitions = new Uint8Array(count);
  let row = 0;
  oracles.forEach((found, i) => {
    const words = sentences[i] as readonly Word[];
    const state = new State(words.length);
    const encoded = codes.encode(words);
    for (const transition of found ?? []) {
      writeFeatures(state, encoded, features.subarray(row * ALL_POSITIONS, (row + 1) * ALL_POSITIONS));
      transitions[row++] = transition;
      state.apply(transition);
    }
  });
  return { features, transitions, leftOut: oracles.filter((found) => !found).length };
}

function split({ features, transitions }: States): Split {
  return {
    count: transitions.length,
    take(examples) {
      const some = new Int32Array(examples.length * ALL_POSITIONS);
      examples.forEach((example, row) => {
        some.set(features.subarray(example * ALL_POSITIONS, (example + 1) * ALL_POSITIONS), row * ALL_POSITIONS);
      });
      const right = Int32Array.from(examples, (example) => transitions[example] as number);
      return {
        inputs: tf.tensor2d(some, [examples.length, ALL_POSITIONS], "int32"),
        labels: tf.tensor1d(right, "int32"),
      };
    },
  };
}

const words = (part: "train" | "dev" | "test") => readTreebank("en_ewt", part).map((sentence) => sentence.words);

export const openEwt: Open = (plan) => {
  const { width, layers, dropout: rate = 0 } = plan;
  const [train, test] = [words("train"), words("test")];
  const codes = new Codes(train);
  const { sizes } = codes;
  const kinds = ["words", "tags", "relations"] as const;
  return classification(plan, {
    classes: rightOf(codes.relations.size - 1) + 1,
    training: split(statesOf(train, codes)),
    heldOut: split(statesOf(words("dev"), codes)),
    build(parameters) {
      const tables = kinds.map((kind) => parameters.weights<tf.Rank.R2>([sizes[kind], EMBEDDING[kind]], 1));
      let inputs = kinds.reduce((sum, kind) => sum + POSITIONS[kind] * EMBEDDING[kind], 0);
      const hidden = Array.from({ length: layers }, () => {
        const layer = { dense: parameters.dense(inputs, width, 2), norm: parameters.site(width) };
        inputs = width;
        return layer;
      });
      const output = parameters.dense(width, rightOf(codes.relations.size - 1) + 1);
      return (features, chance) => {
        let first = 0;
        const embedded = kinds.map((kind, i) => {
          const [count, size] = [POSITIONS[kind], EMBEDDING[kind]];
          const some = tf.reshape(tf.slice(features as tf.Tensor2D, [0, first], [-1, count]), [-1]);
          first += count;
          return tf.reshape(tf.gather(tables[i] as tf.Tensor2D, some), [-1, count * size]) as tf.Tensor2D;
        });
        let rows: tf.Tensor = tf.concat(embedded, 1);
        for (const { dense, norm } of hidden) rows = dropout(tf.relu(norm(dense(rows))), rate, chance);
        return output(rows);
      };
    },
    score(classifier) {
      const some = Array.from(spread(test.length, plan.test), (i) => test[i] as Word[]);
      return attachment(some, parse(some, codes, classifier));
    },
  });
};
