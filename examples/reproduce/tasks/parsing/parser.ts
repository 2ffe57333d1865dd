/** Greedy parsing: in every state the likeliest of the possible transitions, for many sentences at a time. */
import * as tf from "@tensorflow/tfjs-core";
import type { Word } from "../treebanks.ts";
import { ALL_POSITIONS, type Codes, writeFeatures } from "./features.ts";
import { State } from "./state.ts";

/** Sentences parsed side by side. */
const ABREAST = 500;

/** From the codes of some states, row by row, to the logits of the transitions. */
export type Scorer = (features: tf.Tensor2D) => tf.Tensor2D;

function best(state: State, logits: Float32Array): number {
  let found = -1;
  logits.forEach((logit, transition) => {
    if (state.allows(transition) && (found < 0 || logit > (logits[found] as number))) found = transition;
  });
  return found;
}

function parseSome(sentences: readonly (readonly Word[])[], codes: Codes, scorer: Scorer) {
  const parses = sentences.map((words) => ({ state: new State(words.length), encoded: codes.encode(words) }));
  for (let active = parses; active.length > 0; active = active.filter(({ state }) => !state.finished)) {
    const features = new Uint16Array(active.length * ALL_POSITIONS);
    active.forEach(({ state, encoded }, row) => {
      writeFeatures(state, encoded, features.subarray(row * ALL_POSITIONS, (row + 1) * ALL_POSITIONS));
    });
    const shape: [number, number] = [active.length, ALL_POSITIONS];
    let logits = new Float32Array();
    // Nothing is returned from here: TensorFlow.js would look for tensors in every element of an array.
    tf.tidy(() => {
      const scores = scorer(tf.tensor2d(Int32Array.from(features), shape, "int32"));
      logits = scores.dataSync() as Float32Array<ArrayBuffer>;
    });
    const classes = logits.length / active.length;
    active.forEach(({ state }, row) => {
      state.apply(best(state, logits.subarray(row * classes, (row + 1) * classes)));
    });
  }
  return parses.map(({ state }) =>
    Array.from({ length: state.length }, (_, i) => ({
      head: state.heads[i + 1] as number,
      relation: codes.relationName(state.relations[i + 1] as number),
    })),
  );
}

/** The head and the relation of every word. */
export function parse(sentences: readonly (readonly Word[])[], codes: Codes, scorer: Scorer) {
  const groups = Array.from({ length: Math.ceil(sentences.length / ABREAST) }, (_, i) =>
    sentences.slice(i * ABREAST, (i + 1) * ABREAST),
  );
  return groups.flatMap((some) => parseSome(some, codes, scorer));
}
