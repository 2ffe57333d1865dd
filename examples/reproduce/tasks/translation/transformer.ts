/**
 * The Transformer of Vaswani et al. (2017): encoder and decoder, the norm behind the sums, and one table of embeddings for
 * both languages and for the output. The rows of a batch's sentences follow each other, without padding.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Random } from "../../../digits/random.ts";
import { dropout } from "../../dropout.ts";
import type { Parameters, Site } from "../../parameters.ts";
import type { Plan } from "../../plans.ts";
import { attention, type Spans, spansOf } from "./attention.ts";

export const HEADS = 4;

/** More subwords than any sentence or translation has. */
const MOST_PLACES = 256;

type Dense = (x: tf.Tensor) => tf.Tensor2D;

/** The four products around an attention. */
interface AttentionWeights {
  query: Dense;
  key: Dense;
  value: Dense;
  mixed: Dense;
  /** Follows the sum with what the attention started from. */
  norm: Site;
}

interface FeedForward {
  up: Dense;
  down: Dense;
  norm: Site;
}

export interface EncoderLayer {
  self: AttentionWeights;
  feedForward: FeedForward;
}

export interface DecoderLayer extends EncoderLayer {
  /** Attends to what the encoder gives out. */
  cross: AttentionWeights;
}

/** Subwords of some sentences, one after the other. */
export interface Packed {
  symbols: Int32Array;
  spans: Spans;
}

export function pack(sentences: readonly (readonly number[])[]): Packed {
  return { symbols: Int32Array.from(sentences.flat()), spans: spansOf(sentences.map(({ length }) => length)) };
}

/** Sines and cosines of each place in a sentence, in rows. */
export function placeRows(places: number, width: number): Float32Array {
  return Float32Array.from({ length: places * width }, (_, i) => {
    const [place, column] = [Math.floor(i / width), i % width];
    const angle = place / 10000 ** ((column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

/** The places of the rows in their sentences. */
function placesOf({ lengths }: Spans): number[] {
  return [...lengths].flatMap((length) => Array.from({ length }, (_, place) => place));
}

export class Transformer {
  readonly width: number;
  readonly encoder: EncoderLayer[];
  readonly decoder: DecoderLayer[];
  readonly #dropout: number;
  readonly #table: tf.Tensor2D;
  readonly #places: Float32Array;

  /** @param vocabulary the number of subwords. */
  constructor(parameters: Parameters, vocabulary: number, { width, layers, dropout = 0 }: Plan) {
    this.width = width;
    this.#dropout = dropout;
    this.#places = placeRows(MOST_PLACES, width);
    this.#table = parameters.weights<tf.Rank.R2>([vocabulary, width], 1 / Math.sqrt(width));
    const attentionWeights = (): AttentionWeights => ({
      query: parameters.dense(width, width),
      key: parameters.dense(width, width),
      value: parameters.dense(width, width),
      mixed: parameters.dense(width, width),
      norm: parameters.site(width),
    });
    const feedForward = (): FeedForward => ({
      up: parameters.dense(width, 2 * width, 2),
      down: parameters.dense(2 * width, width),
      norm: parameters.site(width),
    });
    this.encoder = Array.from({ length: layers }, () => ({ self: attentionWeights(), feedForward: feedForward() }));
    this.decoder = Array.from({ length: layers }, () => ({
      self: attentionWeights(),
      cross: attentionWeights(),
      feedForward: feedForward(),
    }));
  }

  /** The embeddings of some subwords, each at its place in its sentence. */
  embed(symbols: Int32Array, places: readonly number[], chance?: Random): tf.Tensor2D {
    const rows = new Float32Array(symbols.length * this.width);
    places.forEach((place, row) => {
      rows.set(this.#places.subarray(place * this.width, (place + 1) * this.width), row * this.width);
    });
    const embedded = tf.mul(tf.gather(this.#table, tf.tensor1d(symbols, "int32")), Math.sqrt(this.width));
    return dropout(tf.add(embedded, tf.tensor2d(rows, [symbols.length, this.width])), this.#dropout, chance);
  }

  /** The sum of x and a layer's result, normalised. */
  #sum(x: tf.Tensor, result: tf.Tensor, norm: Site, chance?: Random): tf.Tensor2D {
    return norm(tf.add(x, dropout(result, this.#dropout, chance))) as tf.Tensor2D;
  }

  /** x and what it attends to, mixed, summed, and normalised. */
  afterAttention({ mixed, norm }: AttentionWeights, x: tf.Tensor, attended: tf.Tensor, chance?: Random): tf.Tensor2D {
    return this.#sum(x, mixed(attended), norm, chance);
  }

  afterFeedForward({ up, down, norm }: FeedForward, x: tf.Tensor, chance?: Random): tf.Tensor2D {
    return this.#sum(x, down(tf.relu(up(x))), norm, chance);
  }

  encode({ symbols, spans }: Packed, chance?: Random): tf.Tensor2D {
    const layout = { heads: HEADS, width: this.width, queries: spans, keys: spans, causal: false };
    let x = this.embed(symbols, placesOf(spans), chance);
    for (const { self, feedForward } of this.encoder) {
      x = this.afterAttention(self, x, attention(layout, self.query(x), self.key(x), self.value(x)), chance);
      x = this.afterFeedForward(feedForward, x, chance);
    }
    return x;
  }

  /** The rows that predict the next subword, after each of the given ones. `encoded` is of the sentences at `sources`. */
  decode({ symbols, spans }: Packed, encoded: tf.Tensor2D, sources: Spans, chance?: Random): tf.Tensor2D {
    const layout = { heads: HEADS, width: this.width, queries: spans };
    const own = { ...layout, keys: spans, causal: true };
    const other = { ...layout, keys: sources, causal: false };
    let y = this.embed(symbols, placesOf(spans), chance);
    for (const { self, cross, feedForward } of this.decoder) {
      y = this.afterAttention(self, y, attention(own, self.query(y), self.key(y), self.value(y)), chance);
      const attended = attention(other, cross.query(y), cross.key(encoded), cross.value(encoded));
      y = this.afterAttention(cross, y, attended, chance);
      y = this.afterFeedForward(feedForward, y, chance);
    }
    return y;
  }

  /** Logits of the next subword. The table is transposed first, because a product by a transposed matrix is slow. */
  logits(rows: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(rows, tf.transpose(this.#table));
  }
}
