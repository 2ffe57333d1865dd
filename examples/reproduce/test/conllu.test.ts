/** The reader of treebanks, and the attachment scores, on committed examples whose scores are counted by hand. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { attachment } from "../tasks/parsing/attachment.ts";
import { readConllu } from "../tasks/treebanks.ts";

const read = (name: string) => readConllu(readFileSync(new URL(`data/${name}.conllu`, import.meta.url), "utf8"));

test("words are read, and neither ranges of words nor words that are not in the text", () => {
  const [first, second] = read("gold");
  assert.equal(first?.id, "gold-1");
  assert.equal(first?.text, "I don't know!");
  assert.deepEqual(
    first?.words.map(({ form, tag, head, relation }) => [form, tag, head, relation]),
    [
      ["I", "PRON PRP", 4, "nsubj"],
      ["do", "AUX VBP", 4, "aux"],
      ["n't", "PART RB", 4, "advmod"],
      ["know", "VERB VB", 0, "root"],
      ["!", "PUNCT .", 4, "punct"],
    ],
  );
  assert.deepEqual(
    second?.words.map(({ form }) => form),
    ["Sue", "likes", "coffee", "and", "Bill", "tea"],
  );
});

test("the scores of a parse are those that one counts by hand", () => {
  // 11 words. Wrong heads: "!" and "tea". Wrong relation, with the right head: "do". Subtypes do not count: "Sue", "Bill".
  const words = (name: string) => read(name).map((sentence) => sentence.words);
  assert.deepEqual(attachment(words("gold"), words("parse")), { unlabelled: 9 / 11, labelled: 8 / 11 });
  assert.deepEqual(attachment(words("gold"), words("gold")), { unlabelled: 1, labelled: 1 });
});

test("words that are missing are an error", () => {
  const words = read("gold").map((sentence) => sentence.words);
  assert.throws(() => attachment(words, words.slice(1)), /expected arcs for 11 words, got 6/);
});

test("a file that is no CoNLL-U is an error", () => {
  assert.throws(() => readConllu("1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_"), /expected word 1/);
  assert.throws(() => readConllu("2\tI\tI\tPRON\tPRP\t_\t0\troot\t_\t_"), /expected word 1/);
  assert.throws(() => readConllu("1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_"), /no such head/);
});
