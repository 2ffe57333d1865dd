/**
 * Trains the language model of examples/generate: a Transformer of the pre-norm kind that predicts the next character of Moby Dick.
 * It writes the weights, in f16, and their checksum. The same machine makes the same weights again.
 *
 *   npm run example:train                        some minutes on one core
 *   npm run example:train -- --steps 6000        better text
 *   npm run example:train -- --out DIR           the weights go elsewhere
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { encode } from "adanorm/reference";
import { type Random, seeded } from "../digits/random.ts";
import { Adam } from "./adam.ts";
import { startEngine } from "./engine.ts";
import { ready } from "./norms.ts";
import { Parameters } from "./parameters.ts";
import { HELD_OUT, readBook } from "./tasks/moby-dick.ts";
import { attention, spansOf } from "./tasks/translation/attention.ts";
import { placeRows } from "./tasks/translation/transformer.ts";

const SEED = 1;
const SHAPE = { width: 64, layers: 4, heads: 4, hidden: 256, context: 128 };
const PLAN = { batch: 8, learningRate: 3e-3, warmUp: 60 };

const { values: options } = parseArgs({
  options: {
    steps: { type: "string", default: "800" },
    out: { type: "string", default: fileURLToPath(new URL("../generate/", import.meta.url)) },
  },
});
const steps = Number(options.steps);

/** Passages of the held-out part of the book that are scored at the end. */
const SCORED = 60;
const REPORT_EVERY = 50;

/** The characters of the book that are not in ASCII are rare: their likes in ASCII spare the model rows of its table. */
function simplified(book: string): string {
  return book
    .normalize("NFKD")
    .replace(/[^\n -~]/g, "")
    .replace(/\n{3,}/g, "\n\n");
}

/** What the model is made of in one layer, in the order in which it is drawn. */
function drawBlock(parameters: Parameters) {
  const { width, layers, hidden } = SHAPE;
  // What is added to the stream is smaller, so that all layers together add as much as the embeddings are.
  const added = 1 / (2 * layers);
  return {
    norm: parameters.site(width),
    query: parameters.dense(width, width),
    key: parameters.dense(width, width),
    value: parameters.dense(width, width),
    mixed: parameters.dense(width, width, added),
    feedNorm: parameters.site(width),
    up: parameters.dense(width, hidden, 2),
    down: parameters.dense(hidden, width, added),
  };
}

/** The model: from passages, which follow each other, to the logits of the character after each of theirs. */
function build(parameters: Parameters, symbols: number): (codes: Int32Array) => tf.Tensor2D {
  const { width, layers, heads, context } = SHAPE;
  const table = parameters.weights<tf.Rank.R2>([symbols, width], 1 / Math.sqrt(width));
  const blocks = Array.from({ length: layers }, () => drawBlock(parameters));
  const last = parameters.site(width);
  const places = tf.tensor2d(placeRows(context, width), [context, width]);
  return (codes) => {
    const passages = codes.length / context;
    const spans = spansOf(new Array<number>(passages).fill(context));
    const layout = { heads, width, queries: spans, keys: spans, causal: true };
    const embedded = tf.mul(tf.gather(table, tf.tensor1d(codes, "int32")), Math.sqrt(width));
    let stream: tf.Tensor = tf.add(embedded, tf.tile(places, [passages, 1]));
    for (const { norm, query, key, value, mixed, feedNorm, up, down } of blocks) {
      const x = norm(stream);
      stream = tf.add(stream, mixed(attention(layout, query(x), key(x), value(x))));
      stream = tf.add(stream, down(tf.relu(up(feedNorm(stream)))));
    }
    return tf.matMul(last(stream) as tf.Tensor2D, tf.transpose(table));
  };
}

/** Passages that start at random places, and the character after each of theirs. */
function take(text: Int32Array, starts: readonly number[]): { codes: Int32Array; next: Int32Array } {
  const { context } = SHAPE;
  const [codes, next] = [0, 1].map((shift) => {
    const all = new Int32Array(starts.length * context);
    starts.forEach((start, i) => {
      all.set(text.subarray(start + shift, start + shift + context), i * context);
    });
    return all;
  }) as [Int32Array, Int32Array];
  return { codes, next };
}

/** Rises along a line, then falls to 0 along half a cosine. */
function rateAt(step: number): number {
  const { learningRate, warmUp } = PLAN;
  if (step < warmUp) return (learningRate * (step + 1)) / warmUp;
  return (learningRate * (1 + Math.cos((Math.PI * (step - warmUp)) / (steps - warmUp)))) / 2;
}

/** A header in JSON, behind its length, then all weights in f16. */
function fileOf(header: object, parameters: Parameters): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4, " ")]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(padded.length);
  const weights = parameters.variables.map((variable) => {
    const bits = encode(variable.dataSync(), "f16");
    return Buffer.from(bits.buffer, bits.byteOffset, bits.byteLength);
  });
  return Buffer.concat([length, padded, ...weights]);
}

await startEngine();
await ready();
const book = simplified(readBook());
const symbols = [...new Set(book)].sort().join("");
const text = Int32Array.from(book, (symbol) => symbols.indexOf(symbol));
const border = Math.floor(text.length * (1 - HELD_OUT));
const parameters = new Parameters("layerNorm", seeded(SEED));
const model = build(parameters, symbols.length);
const lossOf = (starts: readonly number[]) => {
  const { codes, next } = take(text, starts);
  return tf.losses.softmaxCrossEntropy(
    tf.oneHot(tf.tensor1d(next, "int32"), symbols.length),
    model(codes),
  ) as tf.Scalar;
};

const random: Random = seeded(SEED + 1);
const optimizer = new Adam(parameters.variables);
const begin = performance.now();
let recent = 0;
for (let step = 0; step < steps; step++) {
  recent += tf.tidy(() => {
    const starts = Array.from({ length: PLAN.batch }, () => Math.floor(random() * (border - SHAPE.context - 1)));
    const { value, grads } = tf.variableGrads(() => lossOf(starts), parameters.variables);
    optimizer.step(grads, rateAt(step));
    return value.dataSync()[0] as number;
  });
  if ((step + 1) % REPORT_EVERY > 0) continue;
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${step + 1} of ${steps} steps, ${seconds.toFixed(0)} s: ${(recent / REPORT_EVERY).toFixed(3)} nats a character`,
  );
  recent = 0;
}

const apart = Math.floor((text.length - border - SHAPE.context - 1) / SCORED);
const scores = Array.from({ length: SCORED }, (_, i) =>
  tf.tidy(() => lossOf([border + i * apart]).dataSync()[0] as number),
);
const heldOut = scores.reduce((sum, loss) => sum + loss, 0) / SCORED;
const bytes = fileOf({ symbols, ...SHAPE, steps, heldOut: Number(heldOut.toFixed(3)) }, parameters);
writeFileSync(join(options.out, "weights.bin"), bytes);
writeFileSync(
  join(options.out, "weights.sha256"),
  `${createHash("sha256").update(bytes).digest("hex")}  weights.bin\n`,
);
console.log(`${heldOut.toFixed(3)} nats a character on pages that were held out; ${bytes.length} bytes written`);
