/** The norms over groups of channels, as ops and as a layer, beside composed norms and the reference. */
import * as tf from "@tensorflow/tfjs-core";
import * as tl from "@tensorflow/tfjs-layers";
import * as reference from "adanorm/reference";
import { GroupNorm, type GroupNormLayerArgs, groupNorm, type InstanceNormOptions, instanceNorm } from "adanorm/tfjs";
import { assert, assertEqual, assertNear, assertNearNumbers, assertThrows, type Define } from "./harness.ts";
import { release, saveAndLoad } from "./layers.ts";
import { repeat } from "./memory.ts";
import { allOptions, composed, numbers } from "./norms.ts";

const TOLERANCE = 1e-5;

/** groups: 0 stands for instanceNorm. */
type Options = InstanceNormOptions & { groups: number };

interface Shapes {
  shape: number[];
  groups: number;
  axis?: number;
}

const SHAPES: Shapes[] = [
  { shape: [3, 6], groups: 2 },
  { shape: [1, 4, 3], groups: 4 },
  { shape: [2, 6, 5], groups: 3 },
  { shape: [2, 6, 5], groups: 0 },
  { shape: [2, 4, 3, 7], groups: 2 },
  { shape: [2, 4, 3, 7], groups: 0, axis: 1 },
  { shape: [2, 2, 3, 4, 5], groups: 1 },
  // Channels last, and between others.
  { shape: [3, 6], groups: 2, axis: -1 },
  { shape: [2, 5, 6], groups: 3, axis: -1 },
  { shape: [2, 3, 7, 4], groups: 2, axis: 3 },
  { shape: [2, 3, 7, 4], groups: 0, axis: -1 },
  { shape: [2, 3, 6, 5], groups: 3, axis: 2 },
  // More rows than the sums of their channels have room for at a time.
  { shape: [4, 5460, 2], groups: 2 },
];

function norm(x: tf.Tensor, { groups, ...options }: Options): tf.Tensor {
  return groups === 0 ? instanceNorm(x, options) : groupNorm(x, { groups, ...options });
}

const product = (lengths: number[]) => lengths.reduce((all, one) => all * one, 1);

/** The order of axes that puts the channels behind the samples, and the order that puts them back. */
function orders(rank: number, axis: number): [order: number[], back: number[]] {
  const at = axis < 0 ? axis + rank : axis;
  const order = [0, at, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== 0 && i !== at)];
  return [order, order.map((_, i) => order.indexOf(i))];
}

/** The same by layer normalization of the groups, composed over tf.moments. */
function composedNorm(x: tf.Tensor, { groups, axis = 1, gain, bias, ...options }: Options): tf.Tensor {
  const [order, back] = orders(x.rank, axis);
  const first = tf.transpose(x, order);
  const [samples, channels, ...rest] = first.shape as [number, number, ...number[]];
  const byGroup = tf.reshape(first, [samples, groups || channels, -1]);
  const y = tf.reshape(composed("layerNorm", byGroup, options), [samples, channels, product(rest)]);
  const scaled = gain ? tf.mul(y, tf.reshape(gain, [channels, 1])) : y;
  const moved = bias ? tf.add(scaled, tf.reshape(bias, [channels, 1])) : scaled;
  return tf.transpose(tf.reshape(moved, first.shape), back);
}

/** Value and gradients, of a norm, of the composed one, and of the reference. */
function compare({ shape, ...options }: Shapes & InstanceNormOptions, withGain = true, withBias = true): void {
  const what = `[${shape}] ${JSON.stringify(options)}`;
  const { axis = 1, groups } = options;
  const channels = shape.at(axis) as number;
  const x = numbers(shape, 0.5, 2);
  const dy = numbers(shape);
  const gain = withGain ? [numbers([channels], 1, 0.5)] : [];
  const bias = withBias ? [numbers([channels])] : [];
  const withParams =
    (op: typeof norm) =>
    (input: tf.Tensor, ...params: tf.Tensor[]) => {
      const [first, second] = params;
      return op(input, { ...options, gain: withGain ? first : undefined, bias: withGain ? second : first });
    };
  const [ours, theirs] = [withParams(norm), withParams(composedNorm)];
  const inputs = [x, ...gain, ...bias];
  assertNear(ours(x, ...gain, ...bias), theirs(x, ...gain, ...bias), TOLERANCE, what);
  const found = tf.grads(ours)(inputs, dy);
  const wanted = tf.grads(theirs)(inputs, dy);
  for (const [i, one] of found.entries()) {
    assertNear(one, wanted[i] as tf.Tensor, TOLERANCE, `${what}: gradient ${i}`);
  }

  const [order] = orders(shape.length, axis);
  const first = (tensor: tf.Tensor) => tf.transpose(tensor, order).dataSync();
  const { axis: _axis, gain: _gain, bias: _bias, groups: _groups, ...others } = options;
  const exact = reference.backward(groups === 0 ? "instanceNorm" : "groupNorm", first(dy), first(x), {
    ...others,
    channels,
    groups,
    spatial: product(shape) / (shape[0] as number) / channels,
    ...(gain[0] && { gain: gain[0].dataSync() }),
  });
  const [dx, ...params] = found as [tf.Tensor, ...tf.Tensor[]];
  assertNearNumbers(first(dx), exact.dx, TOLERANCE, `${what}: dx`);
  const [dGain] = withGain ? params.splice(0, 1) : [];
  if (dGain) assertNearNumbers(dGain.dataSync(), exact.dGain, TOLERANCE, `${what}: dGain`);
  if (params[0]) assertNearNumbers(params[0].dataSync(), exact.dBias, TOLERANCE, `${what}: dBias`);
}

export function channels(define: Define): void {
  define("groupNorm, instanceNorm: all options, and gradients as those of the composed norm", () => {
    for (const options of allOptions("layerNorm")) {
      for (const groups of [0, 2]) {
        tf.tidy(() => compare({ shape: [3, 4, 9], groups, ...options }));
        tf.tidy(() => compare({ shape: [2, 5, 3, 8], groups, axis: -1, eps: 1e-3, ...options }));
      }
    }
  });
  define("groupNorm, instanceNorm: ranks 2 to 5, channels first and last", () => {
    for (const shape of SHAPES) tf.tidy(() => compare(shape));
  });
  define("groupNorm: with gain alone, with bias alone, with neither", () => {
    for (const axis of [1, -1]) {
      tf.tidy(() => compare({ shape: [2, 6, 6], groups: 2, axis }, true, false));
      tf.tidy(() => compare({ shape: [2, 6, 6], groups: 2, axis }, false, true));
      tf.tidy(() => compare({ shape: [2, 6, 6], groups: 2, axis }, false, false));
    }
  });
  define("groupNorm, instanceNorm: gradients of gradients", () => {
    const inputs = [numbers([2, 4, 5]), numbers([4], 1), numbers([4])];
    for (const groups of [0, 2]) {
      for (const of of [0, 1, 2]) {
        const second = (op: typeof norm) => {
          const first = tf.grads((x, gain, bias) => tf.sum(tf.pow(op(x as tf.Tensor, { groups, gain, bias }), 4)));
          return tf.grads((...again: tf.Tensor[]) => tf.sum(tf.square(first(again)[of] as tf.Tensor)))(inputs);
        };
        const wanted = second(composedNorm);
        for (const [i, one] of second(norm).entries()) {
          assertNear(one, wanted[i] as tf.Tensor, 1e-4, `${groups}: gradient ${i} of gradient ${of}`);
        }
      }
    }
  });
  define("groupNorm of no samples", () => {
    const none = tf.zeros([0, 4, 3]);
    const inputs = [none, tf.ones([4]), tf.ones([4])];
    const op = (...[x, gain, bias]: tf.Tensor[]) => groupNorm(x as tf.Tensor, { groups: 2, gain, bias });
    assertEqual(op(...inputs).shape, [0, 4, 3], "the shape of y");
    const [dx, ...params] = tf.grads(op)(inputs);
    assertEqual(dx?.shape, [0, 4, 3], "the shape of dx");
    for (const one of params) assertNear(one, tf.zeros([4]), 0, "a gradient of no samples");
  });
  define("channels that come first are not transposed", async () => {
    const x = numbers([2, 4, 4]);
    for (const axis of [1, -2, 2, -1]) {
      const { kernelNames } = await tf.profile(() => groupNorm(x, { groups: 2, axis }));
      assertEqual(kernelNames.includes("Transpose"), axis === 2 || axis === -1, `transpositions for axis ${axis}`);
    }
  });
  define("groupNorm, instanceNorm: steps leave nothing behind", () => {
    for (const axis of [1, -1]) {
      const inputs = [numbers([4, 8, 8]), numbers([8]), numbers([8])];
      for (const groups of [0, 2]) {
        const op = (...[x, gain, bias]: tf.Tensor[]) => norm(x as tf.Tensor, { groups, axis, gain, bias });
        const gradients = tf.grads(op);
        repeat(300, () => tf.dispose(gradients(inputs)));
        repeat(300, () => op(...inputs).dispose());
      }
    }
  });
}

/** For arguments that the types refuse too. */
// biome-ignore lint/suspicious/noExplicitAny: the checks are for those who have no types
const any = (value: unknown): any => value;

export function channelErrors(define: Define): void {
  define("groupNorm, instanceNorm: shapes, axes and groups", () => {
    const x = numbers([2, 6, 4]);
    const refused = (run: () => unknown, message: string, kind: typeof RangeError | typeof TypeError = RangeError) =>
      assertThrows(run, kind, message);
    const samples = "expected an integer that is not the axis of the samples, 0, got";
    refused(() => groupNorm(x, { groups: 4 }), "groupNorm: groups: expected a divisor of 6 channels, got 4");
    refused(() => groupNorm(x, { groups: 3, axis: -1 }), "groupNorm: groups: expected a divisor of 4 channels, got 3");
    refused(() => groupNorm(x, { groups: 0 }), "groupNorm: groups: expected an integer >= 1, got 0");
    refused(() => groupNorm(x, any({})), "groupNorm: groups: expected an integer >= 1, got undefined", TypeError);
    refused(() => groupNorm(x, any(undefined)), "groupNorm: options: expected an object, got undefined", TypeError);
    refused(() => groupNorm(x, { groups: 2, axis: 0 }), `groupNorm: axis: ${samples} 0`);
    refused(() => groupNorm(x, { groups: 2, axis: -3 }), `groupNorm: axis: ${samples} -3`);
    refused(() => groupNorm(x, { groups: 2, axis: 1.5 }), `groupNorm: axis: ${samples} 1.5`);
    refused(() => instanceNorm(x, any({ axis: [1] })), `instanceNorm: axis: ${samples} an Array of 1`, TypeError);
    refused(() => instanceNorm(x, { axis: 3 }), "instanceNorm: axis: expected axes of a rank of 3, got [3]");
    refused(
      () => instanceNorm(numbers([6])),
      "instanceNorm: x: expected an axis of samples and one of channels, got shape [6]",
    );
    refused(
      () => instanceNorm(tf.zeros([2, 3, 0])),
      "instanceNorm: x: expected 1 or more elements in each sample, got shape [2,3,0]",
    );
    refused(() => instanceNorm(x, { gain: tf.ones([4]) }), "instanceNorm: gain: expected shape [6], got [4]");
    refused(() => groupNorm(x, { groups: 2, bias: tf.ones([6, 4]) }), "groupNorm: bias: expected shape [6], got [6,4]");
    refused(() => groupNorm(x, { groups: 2, eps: -1 }), "groupNorm: eps: expected a finite number >= 0, got -1");
    refused(
      () => groupNorm(tf.zeros([2, 4], "int32"), { groups: 2 }),
      "groupNorm: x: expected a float32 tensor, got one of int32",
      TypeError,
    );
  });
  define("groupNorm, instanceNorm: names that are not known", () => {
    const x = numbers([2, 6, 4]);
    const options = "eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale, axis, gain, bias";
    assertThrows(
      () => instanceNorm(x, any({ groups: 2 })),
      TypeError,
      `instanceNorm: options: expected only ${options}, got "groups"`,
    );
    assertThrows(
      () => groupNorm(x, any({ num_groups: 2 })),
      TypeError,
      `groupNorm: options: expected only groups, ${options}, got "num_groups" (did you mean groups?)`,
    );
  });
  define("GroupNorm: arguments", () => {
    const refused = (args: object, message: string, kind: typeof RangeError | typeof TypeError = RangeError) =>
      assertThrows(() => new GroupNorm(any(args)), kind, `GroupNorm: ${message}`);
    const samples = "axis: expected an integer that is not the axis of the samples, 0, got";
    refused({ axis: 0 }, `${samples} 0`);
    refused({ axis: [1, 2] }, `${samples} an Array of 2`, TypeError);
    refused({ groups: 0 }, "groups: expected an integer >= 1, or -1 for a group for each channel, got 0");
    refused(
      { groups: "2" },
      'groups: expected an integer >= 1, or -1 for a group for each channel, got "2"',
      TypeError,
    );
    refused({ scale: 2 }, "scale: expected true or false, got 2", TypeError);
    refused({ epsilon: -1 }, "epsilon: expected a finite number >= 0, got -1");
    const known =
      "name, trainable, inputShape, batchInputShape, batchSize, dtype, inputDType, weights, axis, epsilon, eps, epsAt, " +
      "ddof, detachMean, detachStd, scale, center, betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer, groups";
    refused({ axes: 2 }, `args: expected only ${known}, got "axes" (did you mean axis?)`, TypeError);
    refused({ numGroups: 2 }, `args: expected only ${known}, got "numGroups" (did you mean groups?)`, TypeError);
    const build = (args: GroupNormLayerArgs, shape: (number | null)[]) => () => new GroupNorm(args).build(shape);
    assertThrows(
      build({}, [null, 8, 8, 48]),
      RangeError,
      "GroupNorm: groups: expected a divisor of 48 channels, got 32",
    );
    assertThrows(
      build({ axis: -3, groups: 1 }, [null, 8, 8]),
      RangeError,
      "GroupNorm: axis: expected an integer that is not the axis of the samples, 0, got -3",
    );
    assertThrows(
      build({ groups: 1 }, [null, 8, null]),
      RangeError,
      "GroupNorm: axis: expected axes of a known length, got axis 2 of shape [null,8,null]",
    );
    assertThrows(
      build({ groups: 1 }, [null]),
      RangeError,
      "GroupNorm: x: expected an axis of samples and one of channels, got shape [null]",
    );
  });
}

/** A small model of images, with channels last or first. */
function modelWith(args: GroupNormLayerArgs): tl.Sequential {
  const model = tl.sequential();
  const initial = (seed: number) => ({ kernelInitializer: tl.initializers.glorotNormal({ seed }) });
  const inputShape = args.axis === 1 ? [2, 6, 6] : [6, 6, 2];
  if (args.axis === 1) model.add(new GroupNorm({ ...args, inputShape }));
  else {
    model.add(tl.layers.dense({ units: 8, inputShape, ...initial(1) }));
    model.add(new GroupNorm(args));
  }
  model.add(tl.layers.flatten());
  model.add(tl.layers.dense({ units: 1, ...initial(2) }));
  model.compile({ optimizer: tf.train.sgd(0.02), loss: "meanSquaredError" });
  return model;
}

export function channelLayers(define: Define): void {
  define("GroupNorm: the defaults and the config of Keras", () => {
    const { name: _name, ...config } = new GroupNorm().getConfig();
    const keras = { groups: 32, axis: -1, epsilon: 1e-3, center: true, scale: true };
    for (const [key, value] of Object.entries(keras)) assertEqual(config[key], value, key);
    const kinds = (key: string) => (config[key] as { className: string }).className;
    assertEqual([kinds("betaInitializer"), kinds("gammaInitializer")], ["Zeros", "Ones"], "initializers");
    for (const key of ["betaRegularizer", "gammaRegularizer"]) {
      assertEqual(config[key], null, key);
    }
    assertEqual(new GroupNorm().name.split("_").slice(0, 2).join("_"), "group_norm", "the name of a layer");
  });
  define("GroupNorm: computes what the op does, with its weights", () => {
    for (const axis of [1, 2, -1]) {
      const x = numbers([3, 4, 4, 8], 1, 2);
      for (const groups of [2, -1]) {
        const layer = new GroupNorm({ groups, axis, epsilon: 0.1, epsAt: "std", ddof: 1 });
        layer.apply(x); // builds the weights
        const count = x.shape.at(axis) as number;
        assertEqual(
          layer.weights.map(({ shape }) => shape),
          [[count], [count]],
          "the shapes of gamma and beta",
        );
        const [gain, bias] = [numbers([count], 1), numbers([count])];
        layer.setWeights([gain, bias]);
        const options = { axis, eps: 0.1, epsAt: "std", ddof: 1, gain, bias } as const;
        const wanted = groups === -1 ? instanceNorm(x, options) : groupNorm(x, { groups, ...options });
        assertNear(layer.apply(x) as tf.Tensor, wanted, 1e-6, `axis ${axis}, groups ${groups}`);
        layer.dispose();
      }
    }
    const x = numbers([2, 5, 4]);
    const plain = new GroupNorm({ groups: 2, center: false, scale: false });
    assertNear(plain.apply(x) as tf.Tensor, groupNorm(x, { groups: 2, axis: -1, eps: 1e-3 }), 1e-6, "no weights");
    assertEqual(plain.weights.length, 0, "weights");
  });
  for (const args of [{ groups: 4 }, { groups: -1 }, { groups: 2, axis: 1 }]) {
    define(`GroupNorm(${JSON.stringify(args)}): trains, saves, loads, and predicts the same`, async () => {
      const model = modelWith({
        ...args,
        name: "norm",
        gammaInitializer: "heNormal",
        betaRegularizer: tl.regularizers.l2({ l2: 0.01 }),
      });
      const shape = args.axis === 1 ? [64, 2, 6, 6] : [64, 6, 6, 2];
      const x = tf.randomNormal(shape, 0, 1, "float32", 1);
      const y = tf.reshape(tf.mean(x, [1, 2, 3]), [64, 1]);
      const { history } = await model.fit(x, y, { epochs: 5, batchSize: 16, shuffle: false, verbose: 0 });
      const losses = history.loss as number[];
      assert((losses.at(-1) as number) < (losses[0] as number), `losses ${losses}`);
      const loaded = await saveAndLoad(model);
      const layer = loaded.getLayer("norm");
      assert(layer instanceof GroupNorm, "the class of the layer");
      assertEqual(layer.groups, args.groups, "groups");
      assertEqual(layer.getConfig(), model.getLayer("norm").getConfig(), "config");
      const predict = (from: tl.LayersModel) => [...(from.predict(x) as tf.Tensor).dataSync()];
      assertEqual(predict(loaded), predict(model), "predictions");
      release(model, loaded);
    });
  }
  define("GroupNorm: a model of Keras, under the name that the layer has there", async () => {
    class GroupNormalization extends GroupNorm {
      static override readonly className = "GroupNormalization";
    }
    tf.serialization.registerClass(GroupNormalization);
    const weights = {
      beta_initializer: { class_name: "Ones", config: {} },
      gamma_initializer: { class_name: "Ones", config: {} },
    };
    const none = { beta_regularizer: null, gamma_regularizer: null, beta_constraint: null, gamma_constraint: null };
    const config = { groups: 2, axis: -1, epsilon: 0.01, center: true, scale: true, ...weights, ...none };
    const layer = { name: "norm", trainable: true, dtype: "float32", batch_input_shape: [null, 5, 4], ...config };
    const model = await tl.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: {
          class_name: "Sequential",
          config: { name: "model", layers: [{ class_name: "GroupNormalization", config: layer }] },
        },
      }),
      { strict: false },
    );
    const x = numbers([2, 5, 4]);
    const wanted = groupNorm(x, { groups: 2, axis: -1, eps: 0.01, bias: tf.ones([4]) });
    assertNear(model.predict(x) as tf.Tensor, wanted, 1e-6, "output");
    release(model);
  });
  define("GroupNorm passes masks on", () => {
    const mask = tf.tensor2d([[1, 0, 1]], [1, 3], "bool");
    assert(new GroupNorm().computeMask(numbers([1, 3, 4]), mask) === mask, "the mask itself");
  });
}
