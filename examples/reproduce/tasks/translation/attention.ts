/**
 * Attention between sentences of different lengths, whose rows follow each other without padding.
 *
 * TensorFlow.js would need a batched product of padded matrices, and its WebAssembly backend has a slow one. Here a module of
 * our own, assembly/attention.ts, works in the backend's memory, sentence by sentence, and skips all that a mask would hide.
 */
import { readFileSync } from "node:fs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

/** Where the rows of each sentence are. */
export interface Spans {
  starts: Int32Array;
  lengths: Int32Array;
}

/** The spans of sentences that follow each other. */
export function spansOf(lengths: readonly number[]): Spans {
  let next = 0;
  const starts = Int32Array.from(lengths, (length) => {
    next += length;
    return next - length;
  });
  return { starts, lengths: Int32Array.from(lengths) };
}

export interface Layout {
  heads: number;
  /** Elements of a row, of all heads: a multiple of four for each. */
  width: number;
  queries: Spans;
  /** Of the same sentences; keys and values lie alike. */
  keys: Spans;
  /** Hides from each query the keys that come after it: the sentences attend to themselves. */
  causal: boolean;
}

/** The exports of assembly/attention.ts. Addresses come first, then numbers of rows and elements. */
type Kernels = Record<"attend" | "attendBackward", (...parameters: number[]) => number>;

/** What the backend has, but does not declare: its memory, and where tensors are in it. */
interface Internals {
  wasm: { asm: { memory: WebAssembly.Memory } };
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
}

const internals = (backend: BackendWasm) => backend as unknown as Internals;

function instantiate(backend: BackendWasm): Kernels {
  const { memory } = internals(backend).wasm.asm;
  const module = new WebAssembly.Module(readFileSync(new URL("../../build/attention.wasm", import.meta.url)));
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, attention: { exp: Math.exp } });
  return exports as unknown as Kernels;
}

const addressOf = (backend: BackendWasm, { dataId }: tf.TensorInfo) =>
  internals(backend).dataIdMap.get(dataId).memoryOffset;

/** One weight for each head, query, and key that the query sees. */
function weightsOf({ heads, queries, keys, causal }: Layout): number {
  const seen = (length: number, sentence: number) =>
    causal ? (length * (length + 1)) / 2 : length * (keys.lengths[sentence] as number);
  return heads * queries.lengths.reduce((sum, length, sentence) => sum + seen(length, sentence), 0);
}

/** Calls a kernel for each sentence, with where its queries and keys start, in bytes, and with the numbers that all kernels take. */
function forEachSentence(
  { heads, width, queries, keys, causal }: Layout,
  call: (query: number, key: number, numbers: number[]) => void,
): void {
  const bytes = width * Float32Array.BYTES_PER_ELEMENT;
  queries.lengths.forEach((length, sentence) => {
    const numbers = [length, keys.lengths[sentence] as number, width, heads, Number(causal)];
    call((queries.starts[sentence] as number) * bytes, (keys.starts[sentence] as number) * bytes, numbers);
  });
}

const FORWARD = "PackedAttention";
const BACKWARD = "PackedAttentionGradient";

function registerKernels(): void {
  if (tf.getKernel(FORWARD, "wasm")) return;
  const kernels = instantiate(tf.backend() as BackendWasm);
  tf.registerKernel({
    kernelName: FORWARD,
    backendName: "wasm",
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { query, key, value } = inputs as Record<"query" | "key" | "value", tf.TensorInfo>;
      const { layout } = attrs as unknown as { layout: Layout };
      const wasm = backend as BackendWasm;
      const out = wasm.makeOutput(query.shape, "float32");
      const weights = wasm.makeOutput([weightsOf(layout)], "float32");
      const [q, k, v, o] = [query, key, value, out].map((one) => addressOf(wasm, one)) as [
        number,
        number,
        number,
        number,
      ];
      let next = addressOf(wasm, weights);
      forEachSentence(layout, (atQuery, atKey, numbers) => {
        next = kernels.attend(q + atQuery, k + atKey, v + atKey, next, o + atQuery, ...numbers);
      });
      return [out, weights];
    },
  });
  tf.registerKernel({
    kernelName: BACKWARD,
    backendName: "wasm",
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { query, key, value, weights, dOut } = inputs as Record<
        "query" | "key" | "value" | "weights" | "dOut",
        tf.TensorInfo
      >;
      const { layout } = attrs as unknown as { layout: Layout };
      const wasm = backend as BackendWasm;
      const outputs = [query, key, value].map(({ shape }) => wasm.makeOutput(shape, "float32"));
      const scratch = wasm.makeOutput([Math.max(...layout.keys.lengths)], "float32");
      // The gradients of keys and values are sums over the queries.
      for (const output of outputs.slice(1)) wasm.typedArrayFromHeap(output).fill(0);
      const [q, k, v, d] = [query, key, value, dOut].map((one) => addressOf(wasm, one)) as [
        number,
        number,
        number,
        number,
      ];
      const [dQ, dK, dV] = outputs.map((one) => addressOf(wasm, one)) as [number, number, number];
      const room = addressOf(wasm, scratch);
      let next = addressOf(wasm, weights);
      forEachSentence(layout, (atQuery, atKey, numbers) => {
        const given = [q + atQuery, k + atKey, v + atKey, next, d + atQuery];
        next = kernels.attendBackward(...given, dQ + atQuery, dK + atKey, dV + atKey, room, ...numbers);
      });
      wasm.disposeData(scratch.dataId);
      return outputs;
    },
  });
}

/** Attention as an operator of TensorFlow.js, with its gradient. All rows are of the layout's width. */
export function attention(layout: Layout, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): tf.Tensor2D {
  registerKernels();
  const run = (name: string, inputs: Record<string, tf.Tensor>) =>
    tf.engine().runKernel(name, inputs, { layout } as never) as unknown as tf.Tensor[];
  const operator = tf.customGrad((...given) => {
    const [q, k, v, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [out, weights] = run(FORWARD, { query: q, key: k, value: v }) as [tf.Tensor, tf.Tensor];
    save([q, k, v, weights]);
    return {
      value: out,
      gradFunc: (dOut: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedQuery, savedKey, savedValue, savedWeights] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const rows = { query: savedQuery, key: savedKey, value: savedValue };
        return run(BACKWARD, { ...rows, weights: savedWeights, dOut });
      },
    };
  });
  return operator(query, key, value) as tf.Tensor2D;
}
