/** The parts of the Worker that run in Node too, where every cut and every order can be tried. */
import assert from "node:assert/strict";
import { loadSync } from "../../../build/index.js";
import { Refusal } from "../src/errors.ts";
import { NormCache } from "../src/norms.ts";
import { pipelineOf } from "../src/pipeline.ts";
import { normaliseRows, readText } from "../src/stream.ts";
import { Choices } from "./random.ts";

export type Check = [what: string, body: () => void | Promise<void>];

const kernels = loadSync();
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** A body like that of a request, in these chunks; `pulled` counts the chunks that were requested. */
function bodyOf(chunks: Uint8Array[]): { body: ReadableStream<Uint8Array>; pulled(): number; cancelled(): boolean } {
  let next = 0;
  let cancelled = false;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = chunks[next++];
      // A copy, because a stream of bytes detaches the buffers that it gets.
      if (chunk) controller.enqueue(new Uint8Array(chunk));
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
    cancel() {
      cancelled = true;
    },
  });
  return { body, pulled: () => next, cancelled: () => cancelled };
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function cutAt(bytes: Uint8Array, ...cuts: number[]): Uint8Array[] {
  return [0, ...cuts].map((cut, i) => bytes.subarray(cut, cuts[i])).filter((part) => part.length > 0);
}

export function checkStreams(): Check[] {
  const size = 3;
  const rows = 5;
  const layerNorm = kernels.layerNorm({ size });
  const norm = { size, run: (x: Float32Array) => ({ values: layerNorm.forward(x).y }) };
  const x = new Choices(1).rows(rows, size);
  const bytes = new Uint8Array(x.buffer);
  const y = Buffer.from(norm.run(x).values.buffer);

  return [
    [
      "rows are whole wherever the body is cut",
      async () => {
        for (let first = 1; first < bytes.length; first++) {
          for (let second = first; second < bytes.length; second++) {
            const { body } = bodyOf(cutAt(bytes, first, second));
            assert.deepEqual(await collect(normaliseRows(body, norm, NO_LIMIT)), y, `cut at ${first} and ${second}`);
          }
        }
        const { body } = bodyOf(cutAt(bytes, ...Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)));
        assert.deepEqual(await collect(normaliseRows(body, norm, NO_LIMIT)), y, "cut everywhere");
      },
    ],
    [
      "a row is answered before the next one comes",
      async () => {
        const { body, pulled } = bodyOf(cutAt(bytes, 13));
        const first = await normaliseRows(body, norm, NO_LIMIT).getReader().read();
        assert.deepEqual(Buffer.from(first.value as Uint8Array), y.subarray(0, 12));
        assert.equal(pulled(), 1);
      },
    ],
    [
      "no more is read than the client takes",
      async () => {
        const { body, pulled } = bodyOf(Array.from({ length: 100 }, () => bytes));
        const reader = normaliseRows(body, norm, NO_LIMIT).getReader();
        await reader.read();
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.equal(pulled(), 1);
      },
    ],
    [
      "a client that leaves ends the reading",
      async () => {
        const { body, cancelled } = bodyOf([bytes, bytes, bytes]);
        const reader = normaliseRows(body, norm, NO_LIMIT).getReader();
        await reader.read();
        await reader.cancel();
        assert.ok(cancelled());
      },
    ],
    [
      "a body over the limit breaks the stream off, one at the limit does not",
      async () => {
        const most = 2 * bytes.length;
        assert.equal((await collect(normaliseRows(bodyOf([bytes, bytes]).body, norm, most))).length, most);
        const { body, cancelled } = bodyOf([bytes, bytes, bytes]);
        const expected = new Refusal(413, `body: expected at most ${most} bytes, got more`);
        await assert.rejects(collect(normaliseRows(body, norm, most)), expected);
        assert.ok(cancelled());
        const text = new Uint8Array(bytes.length);
        assert.equal((await readText(bodyOf([text, text]).body, most)).length, most);
        await assert.rejects(readText(bodyOf([text, text, text]).body, most), expected);
      },
    ],
    [
      "a ragged end breaks the stream off, after the whole rows",
      async () => {
        const reader = normaliseRows(bodyOf([bytes.subarray(0, 58)]).body, norm, NO_LIMIT).getReader();
        assert.deepEqual(Buffer.from((await reader.read()).value as Uint8Array), y.subarray(0, 48));
        await assert.rejects(reader.read(), new Refusal(400, "body: expected whole rows of 12 bytes, got 58 bytes"));
      },
    ],
    [
      "text is read wherever it is cut, within a character too",
      async () => {
        const text = Buffer.from('{"é":"𝛾"}');
        for (let cut = 1; cut < text.length; cut++) {
          assert.equal(await readText(bodyOf(cutAt(text, cut)).body, 100), `${text}`);
        }
        assert.equal(await readText(null, 100), "");
      },
    ],
  ];
}

/** Embeddings all the way, in all forms, against the calls of the package. */
function checkPipelines(): Check[] {
  const [size, rows] = [24, 5];
  const x = new Choices(2).rows(rows, size);
  const cache = new NormCache(kernels, 8);
  const normalised = kernels.layerNorm({ size, eps: 1e-6 }).forward(x).y;
  return [12, size].flatMap((dimensions) => {
    const unit = kernels.l2Norm({ size: dimensions }).forward(normalised, { rowStride: { x: size } }).y;
    const first = normalised.filter((_, i) => i % size < dimensions);
    const of = kernels.rows(dimensions);
    return (
      [
        [["layerNorm", "l2Norm"], unit],
        [["layerNorm"], first],
      ] as const
    ).map(
      ([norms, y]): Check => [
        `${norms.join(", ")} and the first ${dimensions} of ${size} elements, as numbers, integers and bits`,
        () => {
          const run = (as: "float32" | "int8" | "bits") => {
            const pipeline = pipelineOf(cache, { norms: [...norms], size, eps: 1e-6, dimensions, as });
            const output = pipeline.run(x);
            assert.equal(output.values.byteLength, rows * pipeline.rowBytes);
            assert.equal(output.values.length, rows * pipeline.width);
            return output;
          };
          assert.deepEqual(run("float32"), { values: y });
          assert.deepEqual(run("int8"), of.int8(y));
          assert.deepEqual(run("bits"), { values: of.bits(y) });
        },
      ],
    );
  });
}

export function checkNorms(): Check[] {
  return [
    ...checkPipelines(),
    [
      "norms are kept by all of their options, as many as there is room for",
      () => {
        const cache = new NormCache(kernels, 8);
        const options = [
          { norm: "adaNorm", size: 2 },
          { norm: "layerNorm", size: 2 },
          { norm: "adaNorm", size: 3 },
          { norm: "adaNorm", size: 2, eps: 0 },
          { norm: "adaNorm", size: 2, epsAt: "std" },
          { norm: "adaNorm", size: 2, ddof: 1 },
          { norm: "adaNorm", size: 2, scale: 2 },
          { norm: "adaNorm", size: 2, k: 2 },
        ] as const;
        const norms = options.map((each) => cache.get(each));
        assert.equal(new Set(norms).size, options.length);
        options.forEach((each, i) => {
          assert.equal(cache.get({ ...each }), norms[i]);
        });
        // The first was used last, so the second must go.
        assert.equal(cache.get(options[0]), norms[0]);
        cache.get({ norm: "rmsNorm", size: 2 });
        assert.equal(cache.count, 8);
        assert.equal(cache.get(options[0]), norms[0]);
        assert.notEqual(cache.get(options[1]), norms[1]);
      },
    ],
  ];
}
