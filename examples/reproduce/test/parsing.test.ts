/** Transitions and features of the parser. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs-core";
import { startEngine } from "../engine.ts";
import { statesOf } from "../tasks/ewt.ts";
import { ALL_POSITIONS, Codes, POSITIONS, writeFeatures } from "../tasks/parsing/features.ts";
import { parse } from "../tasks/parsing/parser.ts";
import { leftOf, oracle, rightOf, SHIFT, State } from "../tasks/parsing/state.ts";
import { readTreebank, type Word } from "../tasks/treebanks.ts";

/** Words named by letters, with these heads. Every relation is "dep", that of the root "root". */
function tree(...heads: number[]): Word[] {
  return heads.map((head, i) => ({
    form: String.fromCharCode("a".charCodeAt(0) + i),
    tag: "X",
    head,
    relation: head === 0 ? "root" : "dep",
  }));
}

const zeros = (words: readonly Word[]) => words.map(() => 0);

const headsAfter = (length: number, transitions: readonly number[]) => {
  const state = new State(length);
  for (const transition of transitions) {
    assert.ok(state.allows(transition));
    state.apply(transition);
  }
  assert.ok(state.finished);
  return [...state.heads.subarray(1)];
};

before(startEngine);

test("the transitions of a small tree are those that one finds by hand", () => {
  // b governs a and c
  const [left, right] = [leftOf(0), rightOf(0)];
  const words = tree(2, 0, 2);
  assert.deepEqual(oracle(words, zeros(words)), [SHIFT, SHIFT, left, SHIFT, right, right]);
});

test("the transitions lead to the tree, on every projective sentence of the treebank; the others are found", () => {
  let leftOut = 0;
  for (const { words } of readTreebank("en_ewt", "dev")) {
    const transitions = oracle(words, zeros(words));
    // By the definition: every word between a word and its head descends from that head.
    const descends = (word: number, head: number): boolean =>
      word === head || (word !== 0 && descends(words[word - 1]?.head as number, head));
    const projective = words.every(({ head }, i) => {
      const [from, to] = [Math.min(head, i + 1), Math.max(head, i + 1)];
      return Array.from({ length: to - from }, (_, j) => from + j).every((between) => descends(between, head));
    });
    assert.equal(transitions !== undefined, projective);
    if (!transitions) {
      leftOut++;
      continue;
    }
    assert.equal(transitions.length, 2 * words.length);
    assert.deepEqual(
      headsAfter(words.length, transitions),
      words.map(({ head }) => head),
    );
  }
  assert.ok(leftOut > 0);
});

test("the root governs one word, which comes last", () => {
  const state = new State(2);
  state.apply(SHIFT);
  assert.ok(!state.allows(rightOf(0)));
  assert.ok(!state.allows(leftOf(0)));
  state.apply(SHIFT);
  assert.ok(!state.allows(SHIFT));
  state.apply(leftOf(0));
  assert.ok(state.allows(rightOf(0)));
  assert.ok(!state.allows(leftOf(0)));
});

test("every position has its word, its tag and its relation", () => {
  // 16 words. g governs c and e and i and k, of which c governs a and b, k governs l and m; o governs n.
  const words = tree(3, 3, 7, 5, 7, 7, 15, 9, 7, 11, 7, 11, 11, 15, 0, 15);
  const codes = new Codes([words, words]);
  const relations = words.map(({ relation }) => codes.relations.get(relation) as number);
  const transitions = oracle(words, relations) as number[];
  const state = new State(words.length);
  const stack = () => state.stack.slice(-2).join(" ");
  for (let next = 0; stack() !== "7 15"; next++) state.apply(transitions[next] as number);
  const out = new Uint16Array(ALL_POSITIONS);
  const encoded = codes.encode(words);
  writeFeatures(state, encoded, out);
  const name = (code: number | undefined) => [...codes.words].find(([, one]) => one === code)?.[0] ?? `(${code})`;
  // On the stack: o, g and the root (1); before it: p, nothing (0), nothing.
  const outer = ["o", "g", "(1)", "p", "(0)", "(0)"];
  // Of o and of g: outermost left and right, those inside them, the left of the left and the right of the right.
  const inner = ["n", "(0)", "(0)", "(0)", "(0)", "(0)", "c", "k", "e", "i", "a", "m"];
  assert.deepEqual(Array.from(out.subarray(0, POSITIONS.words), name), [...outer, ...inner]);
  const tag = codes.tags.get("X");
  const tags = out.subarray(POSITIONS.words, POSITIONS.words + POSITIONS.tags);
  assert.deepEqual([...tags], [tag, tag, 1, tag, 0, 0, tag, 0, 0, 0, 0, 0, tag, tag, tag, tag, tag, tag]);
  const dep = (codes.relations.get("dep") as number) + 1;
  const last = [...out.subarray(POSITIONS.words + POSITIONS.tags)];
  assert.deepEqual(last, [dep, 0, 0, 0, 0, 0, dep, dep, dep, dep, dep, dep]);
});

test("a parser that knows the transitions finds the trees, of many sentences at a time", () => {
  const sentences = [tree(2, 0, 2), tree(0), tree(0, 1, 2, 2), tree(2, 5, 2, 5, 0)];
  const codes = new Codes([...sentences, ...sentences]);
  const { features, transitions, leftOut } = statesOf(sentences, codes);
  assert.equal(leftOut, 0);
  const known = new Map<string, number>();
  transitions.forEach((transition, row) => {
    known.set(features.slice(row * ALL_POSITIONS, (row + 1) * ALL_POSITIONS).join(), transition);
  });
  const classes = rightOf(codes.relations.size - 1) + 1;
  const scorer = (rows: tf.Tensor2D) =>
    tf.tensor2d(
      (rows.arraySync() as number[][]).map((row) =>
        Array.from({ length: classes }, (_, transition) => Number(known.get(row.join()) === transition)),
      ),
    );
  assert.deepEqual(
    parse(sentences, codes, scorer),
    sentences.map((words) => words.map(({ head, relation }) => ({ head, relation }))),
  );
});

test("a parser that knows nothing finds trees all the same", () => {
  const sentences = readTreebank("en_ewt", "test").slice(0, 20);
  const codes = new Codes(sentences.map(({ words }) => words));
  const classes = rightOf(codes.relations.size - 1) + 1;
  const random = (rows: tf.Tensor2D) => tf.randomUniform<tf.Rank.R2>([rows.shape[0], classes], 0, 1, "float32", 1);
  const parses = parse(
    sentences.map(({ words }) => words),
    codes,
    random,
  );
  for (const arcs of parses) {
    assert.equal(arcs.filter(({ head }) => head === 0).length, 1);
    for (let i = 0; i < arcs.length; i++) {
      let at = i + 1;
      for (let steps = 0; at !== 0; steps++) {
        assert.ok(steps <= arcs.length, "a circle");
        at = arcs[at - 1]?.head as number;
      }
    }
  }
});
