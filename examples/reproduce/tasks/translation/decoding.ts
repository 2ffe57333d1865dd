/**
 * Translates with a trained Transformer: subword by subword, by beam search, or greedily, which is a beam of one. Keys and
 * values of the subwords before are kept, so that each step computes one row for each hypothesis.
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { attention, type Spans, spansOf } from "./attention.ts";
import { BEGIN, END } from "./subwords.ts";
import { type DecoderLayer, HEADS, pack, type Transformer } from "./transformer.ts";

/** Sentences translated side by side. */
const ABREAST = 100;

/** A translation has so many subwords more than the sentence, at most. */
const LONGER = 20;

/** The elements of a tensor, to be written. */
const viewOf = (tensor: tf.Tensor) => (tf.backend() as BackendWasm).typedArrayFromHeap(tensor) as Float32Array;

const KINDS = ["key", "value"] as const;

/** Keys and values, row by row. */
type Cache = Record<(typeof KINDS)[number], tf.Tensor2D>;

const dispose = (caches: readonly Cache[]) => tf.dispose(caches.flatMap(({ key, value }) => [key, value]));

/** One step of the decoder after the other, for some rows: the hypotheses of all sentences. */
export class Steps {
  readonly #transformer: Transformer;
  /** Of the sentences, by layer, and of the hypotheses so far. */
  readonly #source: Cache[];
  readonly #own: Cache[];
  readonly #sources: Spans;
  readonly #sentenceOf: readonly number[];
  readonly #longest: number;
  #place = 0;

  /**
   * @param sentenceOf the number of each row's sentence.
   * @param longest subwords of a hypothesis.
   */
  constructor(
    transformer: Transformer,
    sentences: readonly (readonly number[])[],
    sentenceOf: readonly number[],
    longest: number,
  ) {
    this.#transformer = transformer;
    this.#sentenceOf = sentenceOf;
    this.#longest = longest;
    const packed = pack(sentences);
    this.#sources = packed.spans;
    this.#source = tf.tidy(() => {
      const encoded = transformer.encode(packed);
      return transformer.decoder.map(({ cross }) => ({
        key: tf.keep(cross.key(encoded)),
        value: tf.keep(cross.value(encoded)),
      }));
    });
    const empty = () => tf.zeros<tf.Rank.R2>([sentenceOf.length * longest, transformer.width]);
    this.#own = transformer.decoder.map(() => ({ key: empty(), value: empty() }));
  }

  /** Frees the caches. */
  dispose(): void {
    dispose(this.#source);
    dispose(this.#own);
  }

  /** The kept rows of each hypothesis lie together, with room for the longest. They are written where they are. */
  #keep(cache: Cache, { self }: DecoderLayer, y: tf.Tensor): void {
    const { width } = this.#transformer;
    for (const kind of KINDS) {
      const rows = self[kind](y).dataSync() as Float32Array;
      const kept = viewOf(cache[kind]);
      for (let row = 0; row < this.#sentenceOf.length; row++) {
        kept.set(rows.subarray(row * width, (row + 1) * width), (row * this.#longest + this.#place) * width);
      }
    }
  }

  /** One query for each hypothesis. */
  #attend(query: tf.Tensor, { key, value }: Cache, keys: Spans): tf.Tensor2D {
    const queries = spansOf(new Array<number>(this.#sentenceOf.length).fill(1));
    return attention({ heads: HEADS, width: this.#transformer.width, queries, keys, causal: false }, query, key, value);
  }

  /** The logarithms of the probabilities of the next subwords, row by row, after one more subword in each row. */
  next(symbols: Int32Array): Float32Array {
    const rows = this.#sentenceOf.length;
    const own: Spans = {
      starts: Int32Array.from({ length: rows }, (_, row) => row * this.#longest),
      lengths: new Int32Array(rows).fill(this.#place + 1),
    };
    const other: Spans = {
      starts: Int32Array.from(this.#sentenceOf, (sentence) => this.#sources.starts[sentence] as number),
      lengths: Int32Array.from(this.#sentenceOf, (sentence) => this.#sources.lengths[sentence] as number),
    };
    const transformer = this.#transformer;
    let found = new Float32Array();
    // Nothing is returned from here: TensorFlow.js would look for tensors in every element of an array.
    tf.tidy(() => {
      let y = transformer.embed(symbols, new Array<number>(rows).fill(this.#place));
      transformer.decoder.forEach((layer, i) => {
        const [kept, source] = [this.#own[i] as Cache, this.#source[i] as Cache];
        this.#keep(kept, layer, y);
        y = transformer.afterAttention(layer.self, y, this.#attend(layer.self.query(y), kept, own));
        y = transformer.afterAttention(layer.cross, y, this.#attend(layer.cross.query(y), source, other));
        y = transformer.afterFeedForward(layer.feedForward, y);
      });
      found = tf.logSoftmax(transformer.logits(y)).dataSync() as Float32Array<ArrayBuffer>;
    });
    this.#place++;
    return found;
  }

  /** Each row goes on from one of the rows before. */
  choose(from: readonly number[]): void {
    if (from.every((old, row) => old === row)) return;
    const room = this.#longest * this.#transformer.width;
    const used = this.#place * this.#transformer.width;
    for (const cache of this.#own) {
      for (const kind of KINDS) {
        const kept = viewOf(cache[kind]);
        const before = kept.slice();
        from.forEach((old, row) => {
          if (old !== row) kept.set(before.subarray(old * room, old * room + used), row * room);
        });
      }
    }
  }
}

interface Hypothesis {
  symbols: number[];
  /** The logarithm of its probability. */
  score: number;
}

/** Longer hypotheses are less probable, so they are compared by the mean over their subwords and the end. */
const perSymbol = ({ symbols, score }: Hypothesis) => score / (symbols.length + 1);

/** The numbers of the largest values, the largest first. */
function largest(logarithms: Float32Array, count: number): number[] {
  const best: number[] = [];
  logarithms.forEach((value, number) => {
    if (best.length === count && value <= (logarithms[best.at(-1) as number] as number)) return;
    const place = best.findIndex((other) => value > (logarithms[other] as number));
    best.splice(place < 0 ? best.length : place, 0, number);
    best.length = Math.min(best.length, count);
  });
  return best;
}

/** The search for the translation of one sentence. It ends when as many hypotheses have an end as the beam is wide. */
class Search {
  /** As many as the beam is wide, except at the beginning. */
  open: Hypothesis[] = [{ symbols: [], score: 0 }];
  #best: Hypothesis | undefined;
  #ended = 0;

  constructor(
    readonly beam: number,
    readonly longest: number,
  ) {}

  get finished(): boolean {
    return this.open.length === 0;
  }

  /**
   * @param logarithms of the next subwords, for each open hypothesis.
   * @returns for each new open hypothesis the number of the old one that it goes on from.
   */
  extend(logarithms: readonly Float32Array[]): number[] {
    const candidates = this.open.flatMap((hypothesis, from) => {
      const row = logarithms[from] as Float32Array;
      // One more than the beam is wide, because the end may be among them.
      return largest(row, this.beam + 1).map((symbol) => ({
        from,
        symbol,
        score: hypothesis.score + (row[symbol] as number),
      }));
    });
    candidates.sort((a, b) => b.score - a.score);
    const next: Hypothesis[] = [];
    const from: number[] = [];
    for (const candidate of candidates) {
      if (next.length === this.beam || this.#ended === this.beam) break;
      const { symbols } = this.open[candidate.from] as Hypothesis;
      if (candidate.symbol === END) {
        this.#end({ symbols, score: candidate.score });
        continue;
      }
      next.push({ symbols: [...symbols, candidate.symbol], score: candidate.score });
      from.push(candidate.from);
    }
    const [first] = next;
    if (first && first.symbols.length >= this.longest) this.#end(first);
    const over = this.#ended === this.beam || !first || first.symbols.length >= this.longest;
    this.open = over ? [] : next;
    return over ? [] : from;
  }

  #end(hypothesis: Hypothesis): void {
    this.#ended++;
    if (!this.#best || perSymbol(hypothesis) > perSymbol(this.#best)) this.#best = hypothesis;
  }

  get translation(): number[] {
    return this.#best?.symbols ?? [];
  }
}

/** Sentences and translations in subwords, the sentences with their ends, the translations without. */
function translateSome(transformer: Transformer, sentences: readonly (readonly number[])[], beam: number): number[][] {
  const searches = sentences.map(({ length }) => new Search(beam, length + LONGER));
  const longest = Math.max(...searches.map((search) => search.longest));
  const sentenceOf = sentences.flatMap((_, sentence) => new Array<number>(beam).fill(sentence));
  const steps = new Steps(transformer, sentences, sentenceOf, longest);
  const symbols = new Int32Array(sentenceOf.length).fill(BEGIN);
  while (searches.some(({ finished }) => !finished)) {
    const logarithms = steps.next(symbols);
    const vocabulary = logarithms.length / sentenceOf.length;
    const from = sentenceOf.map((_, row) => row);
    searches.forEach((search, sentence) => {
      const first = sentence * beam;
      const rowOf = (row: number) => logarithms.subarray(row * vocabulary, (row + 1) * vocabulary);
      const old = search.extend(search.open.map((_, i) => rowOf(first + i)));
      old.forEach((row, i) => {
        from[first + i] = first + row;
        symbols[first + i] = search.open[i]?.symbols.at(-1) as number;
      });
    });
    steps.choose(from);
  }
  steps.dispose();
  return searches.map(({ translation }) => translation);
}

/**
 * @param sentences in subwords, each with its end.
 * @param beam hypotheses of a sentence that are followed at a time.
 */
export function translate(
  transformer: Transformer,
  sentences: readonly (readonly number[])[],
  beam: number,
): number[][] {
  const translations: number[][] = [];
  for (let from = 0; from < sentences.length; from += ABREAST) {
    translations.push(...translateSome(transformer, sentences.slice(from, from + ABREAST), beam));
  }
  return translations;
}
