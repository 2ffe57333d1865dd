/** Nothing is left behind. */
import * as tf from "@tensorflow/tfjs-core";
import * as tl from "@tensorflow/tfjs-layers";
import * as adanorm from "adanorm/tfjs";
import { assert, assertEqual, assertNear, type Define } from "./harness.ts";
import { composed, hasParams, NORMS, norm, numbers } from "./norms.ts";

/** Bytes of the wasm backend's memory; 0 for other backends. */
function heapBytes(): number {
  const { wasm } = tf.backend() as unknown as { wasm?: { HEAPU8: Uint8Array } };
  return wasm?.HEAPU8.buffer.byteLength ?? 0;
}

/** Runs a step many times. After the first steps, tensors, their bytes and the backend's memory must stay the same. */
export function repeat(times: number, step: () => void): void {
  for (let i = 0; i < 5; i++) step();
  const before = { ...tf.memory(), heap: heapBytes(), ids: tf.backend().numDataIds() };
  for (let i = 0; i < times; i++) step();
  const after = { ...tf.memory(), heap: heapBytes(), ids: tf.backend().numDataIds() };
  assertEqual(after, before, "memory");
}

export function memory(define: Define): void {
  for (const name of NORMS) {
    define(`${name}: a thousand steps leave nothing behind`, () => {
      const shape = heapBytes() > 0 ? [64, 256] : [4, 16];
      const x = numbers(shape);
      const params = hasParams(name) ? [numbers(shape.slice(1)), numbers(shape.slice(1))] : [];
      const gradients = tf.grads((input, gain, bias) => norm(name, input as tf.Tensor, { gain, bias }));
      repeat(1000, () => tf.dispose(gradients([x, ...params])));
      repeat(1000, () => norm(name, x, { gain: params[0], bias: params[1] }).dispose());
    });
  }
  define("gradients of gradients leave nothing behind", () => {
    const x = numbers([4, 8]);
    const second = tf.grad((input) => tf.sum(tf.square(tf.grad((one) => adanorm.adaNorm(one))(input))));
    repeat(50, () => second(x).dispose());
  });
  define("tidy disposes of what an op makes, and dispose of the rest", () => {
    const { numTensors } = tf.memory();
    tf.tidy(() => {
      adanorm.layerNorm(numbers([4, 8]), { axes: 2 });
    });
    assertEqual(tf.memory().numTensors, numTensors, "tensors");
    const x = numbers([4, 8]);
    const y = adanorm.rmsNorm(x);
    assertEqual(tf.memory().numTensors, numTensors + 2, "tensors: x and y");
    x.dispose();
    assert(Number.isFinite(y.dataSync()[0] as number), "y outlives x");
    y.dispose();
  });
  define("training leaves nothing behind, nor does predicting", async () => {
    const model = tl.sequential();
    model.add(tl.layers.dense({ units: 16, inputShape: [8] }));
    for (const Layer of [adanorm.LayerNorm, adanorm.AdaNorm, adanorm.DetachNorm, adanorm.RMSNorm])
      model.add(new Layer());
    model.add(new adanorm.LayerNormSimple());
    model.add(tl.layers.dense({ units: 1 }));
    model.compile({ optimizer: tf.train.adam(0.01), loss: "meanSquaredError" });
    const [x, y] = [numbers([32, 8]), numbers([32, 1])];
    const train = () => model.fit(x, y, { epochs: 4, batchSize: 8, verbose: 0 });
    await train();
    const before = { ...tf.memory() };
    const heap = heapBytes();
    for (let i = 0; i < 3; i++) {
      await train();
      tf.tidy(() => void model.predict(x));
    }
    assertEqual({ ...tf.memory() }, before, "memory");
    assertEqual(heapBytes(), heap, "the backend's memory");
    model.optimizer.dispose();
    model.dispose();
  });
}

/** For the wasm backend. */
export function growth(define: Define): void {
  define("the backend's memory may grow between forward and backward", () => {
    const [x, gain, bias, dy] = [numbers([33, 65]), numbers([65]), numbers([65]), numbers([33, 65])];
    const before = heapBytes();
    const grow = () => {
      // More than the memory has at this point.
      const big = tf.zeros([heapBytes() / 4 + 2 ** 20]);
      big.dispose();
    };
    const withGrowth = (op: typeof norm) =>
      tf.grads((input, g, b) => {
        const y = op("layerNorm", input as tf.Tensor, { gain: g, bias: b });
        grow();
        return y;
      })([x, gain, bias], dy);
    const found = withGrowth(norm);
    assert(heapBytes() > before, "the memory has grown");
    const wanted = withGrowth(composed);
    for (const [i, one] of found.entries()) assertNear(one, wanted[i] as tf.Tensor, 1e-5, `gradient ${i}`);
  });
  define("the backend's memory may grow within an op", () => {
    const before = heapBytes();
    const rows = Math.ceil(before / 4 / 1024 / 2);
    const x = tf.tile(numbers([1, 1024]), [rows, 1]);
    const inputs = heapBytes();
    const y = adanorm.layerNormSimple(x);
    const dx = tf.grad((one) => adanorm.layerNormSimple(one))(x, x);
    assert(heapBytes() > inputs, "the memory has grown");
    const [first, last] = [tf.slice(y, [0, 0], [1, -1]), tf.slice(y, [rows - 1, 0], [1, -1])];
    const row = tf.slice(x, [0, 0], [1, -1]);
    assertNear(first, composed("layerNormSimple", row, {}), 1e-5, "the first row");
    assertNear(last, first, 0, "the last row");
    const wanted = tf.grad((one) => composed("layerNormSimple", one, {}))(row, row);
    assert((tf.max(tf.abs(tf.sub(tf.slice(dx, [rows - 1, 0], [1, -1]), wanted))).dataSync()[0] as number) < 1e-3, "dx");
  });
}
