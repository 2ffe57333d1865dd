/** Results and gradients, beside the composed norms and the reference. */
import * as tf from "@tensorflow/tfjs-core";
import * as reference from "adanorm/reference";
import * as adanorm from "adanorm/tfjs";
import { assert, assertNear, assertNearNumbers, type Define } from "./harness.ts";
import { allOptions, composed, hasParams, NORMS, type NormName, norm, numbers, type Options } from "./norms.ts";

const TOLERANCE = 1e-5;

const SHAPES: [shape: number[], axes: number][] = [
  [[9], 1],
  [[5, 70], 1],
  [[17, 130], 1],
  // More rows than columns are summed at a time.
  [[150, 9], 1],
  [[3, 5, 7], 1],
  [[4, 6, 13], 2],
  [[2, 3, 4, 21], 1],
  [[2, 3, 5, 32], 2],
  [[2, 3, 4, 5], 3],
];

/** Value and gradients, of a norm and of the composed one. */
function compare(name: NormName, shape: number[], options: Options, withGain = true, withBias = true): void {
  const what = `${name} [${shape}] ${JSON.stringify(options)}`;
  const paramShape = shape.slice(-(options.axes ?? 1));
  const x = numbers(shape, 0.5, 2);
  const gain = hasParams(name) && withGain ? [numbers(paramShape, 1, 0.5)] : [];
  const bias = hasParams(name) && withBias ? [numbers(paramShape)] : [];
  const inputs = [x, ...gain, ...bias];
  const dy = numbers(shape);
  const withParams =
    (op: typeof norm) =>
    (input: tf.Tensor, ...params: tf.Tensor[]) => {
      const rest = [...params];
      const gainNow = gain.length ? rest.shift() : undefined;
      return op(name, input, { ...options, gain: gainNow, bias: rest[0] });
    };
  const [ours, theirs] = [withParams(norm), withParams(composed)];
  assertNear(ours(x, ...gain, ...bias), theirs(x, ...gain, ...bias), TOLERANCE, what);
  const found = tf.grads(ours)(inputs, dy);
  const wanted = tf.grads(theirs)(inputs, dy);
  for (const [i, one] of found.entries()) {
    assertNear(one, wanted[i] as tf.Tensor, TOLERANCE, `${what}: gradient ${i}`);
  }
  const { axes: _axes, gain: _gain, bias: _bias, ...others } = options;
  const exact = reference.backward(name, dy.dataSync(), x.dataSync(), {
    ...others,
    size: tf.util.sizeFromShape(paramShape),
    ...(gain[0] && { gain: gain[0].dataSync() }),
    ...(bias[0] && { bias: bias[0].dataSync() }),
  });
  const [dx, ...params] = found as [tf.Tensor, ...tf.Tensor[]];
  assertNearNumbers(dx.dataSync(), exact.dx, TOLERANCE, `${what}: dx`);
  const [dGain] = gain.length ? params.splice(0, 1) : [];
  if (dGain) assertNearNumbers(dGain.dataSync(), exact.dGain, TOLERANCE, `${what}: dGain`);
  if (params[0]) assertNearNumbers(params[0].dataSync(), exact.dBias, TOLERANCE, `${what}: dBias`);
}

export function gradients(define: Define): void {
  for (const name of NORMS) {
    define(`${name}: all options, and gradients as those of the composed norm`, () => {
      for (const options of allOptions(name)) {
        tf.tidy(() => compare(name, [3, 4, 9], options));
        tf.tidy(() => compare(name, [3, 72], { ...options, eps: 1e-3 }));
      }
    });
    define(`${name}: ranks 1 to 4, over one axis or several`, () => {
      for (const [shape, axes] of SHAPES) tf.tidy(() => compare(name, shape, { axes }));
    });
    define(`${name}: gradients of gradients`, () => {
      for (const options of [{}, ...allOptions(name).filter((_, i) => i % 5 === 3)]) {
        const x = numbers([3, 12]);
        const second = (op: typeof norm) => {
          const first = tf.grad((input) => tf.sum(tf.pow(op(name, input, options), 3)));
          return tf.grad((input) => tf.sum(tf.square(first(input))))(x);
        };
        assertNear(second(norm), second(composed), 1e-4, `${name} ${JSON.stringify(options)}`);
      }
    });
  }
  for (const name of ["layerNorm", "rmsNorm"] as const) {
    define(`${name}: gradients of the gradients of gain and bias`, () => {
      const inputs = [numbers([3, 12]), numbers([12], 1), numbers([12])] as const;
      const second = (op: typeof norm, of: number) => {
        const first = tf.grads((x, gain, bias) =>
          tf.sum(tf.pow(op(name, x as tf.Tensor, { gain: gain as tf.Tensor, bias: bias as tf.Tensor }), 3)),
        );
        return tf.grads((...again: tf.Tensor[]) => tf.sum(tf.square(first(again)[of] as tf.Tensor)))([...inputs]);
      };
      for (const of of [0, 1, 2]) {
        const wanted = second(composed, of);
        for (const [i, one] of second(norm, of).entries()) {
          assertNear(one, wanted[i] as tf.Tensor, 1e-4, `${name}: gradient ${i} of gradient ${of}`);
        }
      }
    });
    define(`${name}: with gain alone, with bias alone, with neither`, () => {
      tf.tidy(() => compare(name, [5, 66], {}, true, false));
      tf.tidy(() => compare(name, [5, 66], {}, false, true));
      tf.tidy(() => compare(name, [5, 66], {}, false, false));
    });
  }
  define("gradients with respect to variables", () => {
    const gain = tf.variable(tf.ones([6]), true, "gain");
    const x = numbers([4, 6]);
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(adanorm.layerNorm(x, { gain }))));
    const [wanted] = tf.grads((g) => tf.sum(tf.square(composed("layerNorm", x, { gain: g as tf.Tensor }))))([gain]);
    assertNear(grads.gain as tf.Tensor, wanted as tf.Tensor, TOLERANCE, "gain");
    gain.dispose();
  });
  define("constant rows, and no rows at all", () => {
    for (const name of NORMS) {
      for (const epsAt of ["variance", "std"] as const) {
        const one = tf.ones([2, 8]);
        const dx = tf.grad((x) => norm(name, x, { epsAt }))(one, numbers([2, 8]));
        assert(dx.dataSync().every(Number.isFinite), `${name}: dx of a constant row is finite`);
        const none = tf.zeros([0, 8]);
        assert(norm(name, none, { epsAt }).shape.join() === "0,8", `${name}: no rows`);
        assert(
          tf
            .grad((x) => norm(name, x, { epsAt }))(none)
            .shape.join() === "0,8",
          `${name}: dx of no rows`,
        );
      }
    }
    const sums = tf.grads((x, gain, bias) => norm("layerNorm", x as tf.Tensor, { gain, bias }))([
      tf.zeros([0, 3]),
      tf.ones([3]),
      tf.ones([3]),
    ]);
    for (const i of [1, 2]) assertNear(sums[i] as tf.Tensor, tf.zeros([3]), 0, `gradient ${i} of no rows`);
  });
}
