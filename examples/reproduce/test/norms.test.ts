/** Every contender, forward and backward, against the package's reference. Another test shows that the kernels do the work. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs-core";
import { type Kernels, load } from "adanorm";
import * as reference from "adanorm/reference";
import { normals, seeded } from "../../digits/random.ts";
import { EPS, K, NORMS, type NormName, SCALE } from "../contenders.ts";
import { startEngine } from "../engine.ts";
import { APPLY, ready } from "../norms.ts";

/** In units of the largest element. */
const TOLERANCE = 2e-6;

const ROWS = 5;

/** Rows of a matrix, and images normalised as a whole. */
const SHAPES = [[48], [7, 7, 16]];

const REFERENCE: Record<Exclude<NormName, "none">, [reference.NormName, Partial<reference.ReferenceOptions>]> = {
  layerNorm: ["layerNorm", {}],
  layerNormSimple: ["layerNormSimple", {}],
  detachMean: ["layerNormSimple", { detachMean: true }],
  detachStd: ["layerNormSimple", { detachStd: true }],
  detachNorm: ["detachNorm", {}],
  adaNorm: ["adaNorm", { scale: SCALE, k: K }],
  adaNorm2: ["adaNorm", { scale: 2, k: K }],
};

function assertNear(found: ArrayLike<number>, expected: Float64Array): void {
  assert.equal(found.length, expected.length);
  const unit = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  expected.forEach((value, i) => {
    // Written so that NaN fails too.
    assert.ok(Math.abs((found[i] as number) - value) <= TOLERANCE * unit, `element ${i}: ${found[i]}, not ${value}`);
  });
}

let kernels: Kernels;

before(async () => {
  kernels = await load();
  await startEngine();
  await ready();
});

for (const norm of NORMS) {
  const apply = APPLY[norm];
  if (norm === "none" || !apply) continue;
  for (const shape of SHAPES) {
    test(`${norm} over ${shape.join(" x ")}`, () => {
      const random = seeded(7);
      const size = tf.util.sizeFromShape(shape);
      const x = normals(random, ROWS * size, 3).map((value) => value + 2);
      const dy = normals(random, ROWS * size, 1);
      const [gain, bias] = norm === "layerNorm" ? [normals(random, size, 1), normals(random, size, 1)] : [];
      const [name, detached] = REFERENCE[norm];
      const options = { size, eps: EPS, ...detached, gain, bias };
      const expected = reference.backward(name, dy, x, options);

      const given = [tf.tensor(x, [ROWS, ...shape])];
      if (gain && bias) given.push(tf.tensor(gain, shape), tf.tensor(bias, shape));
      const compute = (...tensors: tf.Tensor[]) => apply(tensors[0] as tf.Tensor, shape.length, tensors[1], tensors[2]);
      assertNear(compute(...given).dataSync(), reference.forward(name, x, options).y);
      const gradients = tf.grads(compute)(given, tf.tensor(dy, [ROWS, ...shape]));
      const wanted = [expected.dx, expected.dGain, expected.dBias];
      gradients.forEach((gradient, i) => {
        assertNear(gradient.dataSync(), wanted[i] as Float64Array);
      });
    });
  }
}

test("the kernels do the work: their bytes come out", () => {
  const size = 48;
  const x = normals(seeded(8), ROWS * size, 1);
  const expected = kernels.adaNorm({ size, eps: EPS, scale: SCALE, k: K }).forward(x).y;
  assert.deepEqual(APPLY.adaNorm?.(tf.tensor2d(x, [ROWS, size]), 1).dataSync(), expected);
});
