/** Every replaced gradient on the WebAssembly backend against the original one on the cpu backend. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { normals, seeded } from "../../digits/random.ts";
import { startEngine } from "../engine.ts";

/** Relative to the largest element: a few roundings of f32, over sums of some hundred products. */
const TOLERANCE = 3e-6;

type Gradients = Float32Array[];

const random = seeded(1);

interface Given {
  shape: number[];
  values: Float32Array;
}

function given(...shape: number[]): Given {
  return { shape, values: normals(random, tf.util.sizeFromShape(shape), 1) };
}

interface Case {
  name: string;
  inputs: Given[];
  compute(...inputs: tf.Tensor[]): tf.Tensor;
}

const convolution = (size: number, kernel: number, stride: number, pad: "same" | "valid"): Case => ({
  name: `conv2d of ${size} x ${size} by ${kernel} x ${kernel}, stride ${stride}, ${pad}`,
  inputs: [given(3, size, size, 2), given(kernel, kernel, 2, 5)],
  compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad),
});

const product = (transposeA: boolean, transposeB: boolean, ...batch: number[]): Case => ({
  name: `matMul${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}, of rank ${batch.length + 2}`,
  inputs: [given(...batch, ...(transposeA ? [7, 5] : [5, 7])), given(...batch, ...(transposeB ? [6, 7] : [7, 6]))],
  compute: (a, b) => tf.matMul(a, b, transposeA, transposeB),
});

const CASES: Case[] = [
  convolution(28, 5, 2, "same"),
  convolution(14, 5, 2, "same"),
  convolution(9, 5, 2, "same"),
  convolution(9, 5, 2, "valid"),
  convolution(8, 3, 1, "same"),
  convolution(8, 3, 1, "valid"),
  convolution(11, 5, 3, "same"),
  ...[false, true].flatMap((a) => [false, true].flatMap((b) => [product(a, b), product(a, b, 3)])),
  {
    name: "gather",
    inputs: [given(9, 4)],
    compute: (x) => tf.gather(x, tf.tensor1d([3, 3, 0, 8, 5, 3, 0], "int32")),
  },
  {
    name: "gather by a table of indices",
    inputs: [given(9, 4)],
    compute: (x) => tf.gather(x, tf.tensor2d([3, 3, 0, 8, 5, 3], [2, 3], "int32")),
  },
];

/** The gradients of a sum of the outputs, each weighted differently. */
function gradients({ inputs, compute }: Case): Gradients {
  return tf.tidy(() => {
    const tensors = inputs.map(({ shape, values }) => tf.tensor(values, shape));
    const found = tf.grads((...x) => {
      const y = compute(...x);
      const weights = Float32Array.from({ length: y.size }, (_, i) => Math.sin(i + 1));
      return tf.sum(tf.mul(y, tf.tensor(weights, y.shape)));
    })(tensors);
    return found.map((tensor) => tensor.dataSync() as Float32Array);
  });
}

const expected = new Map<string, Gradients>();

before(async () => {
  // Gradients are registered for all backends at once, so the original ones are computed first.
  await tf.setBackend("cpu");
  for (const one of CASES) expected.set(one.name, gradients(one));
  await startEngine();
});

for (const one of CASES) {
  test(one.name, () => {
    assert.equal(tf.getBackend(), "wasm");
    gradients(one).forEach((found, input) => {
      const stock = expected.get(one.name)?.[input] as Float32Array;
      assert.equal(found.length, stock.length);
      const unit = stock.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      found.forEach((value, i) => {
        const error = Math.abs(value - (stock[i] as number));
        // Written so that NaN fails too.
        assert.ok(error <= TOLERANCE * unit, `input ${input}, element ${i}: ${value} instead of ${stock[i]}`);
      });
    });
  });
}
