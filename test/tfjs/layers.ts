/** The layers, in models: beside TensorFlow.js's own, trained, saved and loaded. */
import * as tf from "@tensorflow/tfjs-core";
import * as tl from "@tensorflow/tfjs-layers";
import * as adanorm from "adanorm/tfjs";
import { assert, assertEqual, assertNear, type Define } from "./harness.ts";
import { NORMS, norm, numbers } from "./norms.ts";

const LAYERS = {
  layerNorm: adanorm.LayerNorm,
  layerNormSimple: adanorm.LayerNormSimple,
  detachNorm: adanorm.DetachNorm,
  adaNorm: adanorm.AdaNorm,
  rmsNorm: adanorm.RMSNorm,
};

type TensorFlowArgs = NonNullable<Parameters<typeof tl.layers.layerNormalization>[0]>;

/** Configurations that both layers take. */
const CONFIGS: TensorFlowArgs[] = [
  {},
  { epsilon: 0.5 },
  { axis: [2, 3] },
  { axis: [-1, -2] },
  { axis: [1, 2, 3] },
  { axis: 1 },
  { axis: [1, 3] },
  { axis: [3, 1] },
  { center: false },
  { scale: false },
  { center: false, scale: false },
  { betaInitializer: "randomNormal", gammaInitializer: "heNormal", axis: [2, 3] },
  { gammaInitializer: tl.initializers.constant({ value: 3 }), gammaRegularizer: tl.regularizers.l2({ l2: 0.1 }) },
  { betaRegularizer: "l1l2" as NonNullable<TensorFlowArgs["betaRegularizer"]>, trainable: false },
];

/** A small model around a layer. */
function modelWith(layer: tl.layers.Layer): tl.Sequential {
  const model = tl.sequential();
  model.add(
    tl.layers.dense({ units: 12, inputShape: [6], kernelInitializer: tl.initializers.glorotNormal({ seed: 1 }) }),
  );
  model.add(layer);
  model.add(tl.layers.dense({ units: 1, kernelInitializer: tl.initializers.glorotNormal({ seed: 2 }) }));
  model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
  return model;
}

async function train(model: tl.Sequential, epochs = 5): Promise<number[]> {
  const x = tf.randomNormal([64, 6], 0, 1, "float32", 1);
  const y = tf.sum(x, 1, true);
  const { history } = await model.fit(x, y, { epochs, batchSize: 16, shuffle: false, verbose: 0 });
  tf.dispose([x, y]);
  return history.loss as number[];
}

/** Saves a model to memory, and loads it from its JSON. */
export async function saveAndLoad(model: tl.LayersModel): Promise<tl.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    }),
  );
  const { modelTopology, weightSpecs, weightData } = saved as tf.io.ModelArtifacts;
  const topology = JSON.parse(JSON.stringify(modelTopology));
  return tl.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: topology,
      ...(weightSpecs && { weightSpecs }),
      ...(weightData && { weightData }),
    }),
  );
}

/** For models: everything that they and their optimizers hold. */
export function release(...models: tl.LayersModel[]): void {
  for (const model of models) {
    (model.optimizer as tf.Optimizer | undefined)?.dispose();
    model.dispose();
  }
}

export function layers(define: Define): void {
  for (const config of CONFIGS) {
    define(`LayerNorm(${JSON.stringify(config)}) is tf.layers.layerNormalization`, () => {
      const x = numbers([3, 4, 5, 6], 1, 2);
      const ours = new adanorm.LayerNorm(config as adanorm.AffineNormLayerArgs);
      const theirs = tl.layers.layerNormalization(config);
      const y = ours.apply(x) as tf.Tensor;
      const wanted = theirs.apply(x) as tf.Tensor;
      const described = (layer: tl.layers.Layer) =>
        layer.weights.map((weight) => [weight.name.split("/")[1], weight.shape, weight.dtype]);
      assertEqual(described(ours), described(theirs), "weights");
      assertEqual(ours.trainableWeights.length, theirs.trainableWeights.length, "trainable weights");
      const random = config.betaInitializer === "randomNormal";
      if (!random) assertNear(y, wanted, 1e-5, "outputs with the initial weights");
      theirs.setWeights(ours.weights.map((weight) => numbers(weight.shape as number[], 1, 1)));
      ours.setWeights(theirs.getWeights());
      assertNear(ours.apply(x) as tf.Tensor, theirs.apply(x) as tf.Tensor, 1e-5, "outputs");
      const losses = (layer: tl.layers.Layer) => layer.calculateLosses().map((loss) => loss.dataSync()[0]);
      assertEqual(losses(ours), losses(theirs), "losses of regularizers");
      const shared = Object.entries(theirs.getConfig()).filter(([key]) => key !== "axis" && key !== "name");
      for (const [key, value] of shared) assertEqual(ours.getConfig()[key], value, `config: ${key}`);
      ours.dispose();
      theirs.dispose();
    });
  }
  define("names and aliases of arguments", () => {
    const x = numbers([3, 4, 5]);
    const outputs = [
      { eps: 0.1, axes: 2 },
      { epsilon: 0.1, axis: [1, 2] },
      { epsilon: 0.1, axis: [-2, -1] },
    ].map((args) => new adanorm.AdaNorm({ ...args, scale: 2, k: 0.2 }).apply(x) as tf.Tensor);
    for (const y of outputs) assertNear(y, adanorm.adaNorm(x, { eps: 0.1, axes: 2, scale: 2, k: 0.2 }), 1e-6, "output");
    const defaults = (Layer: new () => adanorm.LayerNorm) => new Layer().getConfig();
    assertEqual(defaults(adanorm.LayerNorm).epsilon, 1e-3, "epsilon of LayerNorm");
    assertEqual(defaults(adanorm.RMSNorm).epsilon, 1e-5, "epsilon of RMSNorm");
    assertEqual(defaults(adanorm.RMSNorm).center, false, "center of RMSNorm");
    assertEqual(new adanorm.AdaNorm().name.split("_").slice(0, 2).join("_"), "ada_norm", "the name of a layer");
  });
  for (const name of NORMS) {
    // An operator only.
    if (name === "l2Norm") continue;
    const Layer = LAYERS[name];
    const extra = name === "adaNorm" ? { scale: 2, k: 0.3, detachScale: false } : {};
    const args = {
      epsilon: 1e-4,
      epsAt: "std",
      ddof: 1,
      detachMean: true,
      detachStd: false,
      axis: -1,
      ...extra,
    } as const;
    const make = () => new Layer({ ...args, name: "norm" } as object);

    define(`${Layer.className}: computes what the op does`, () => {
      const x = numbers([3, 7]);
      const layer = make();
      const { epsilon: eps, axis, ...options } = args;
      assertNear(layer.apply(x) as tf.Tensor, norm(name, x, { eps, ...options }), 1e-6, "output");
      layer.dispose();
    });
    define(`${Layer.className}: getConfig gives the same layer`, () => {
      const config = make().getConfig();
      for (const [key, value] of Object.entries(args)) assertEqual(config[key], value, key);
      assertEqual(config.name, "norm", "name");
      const again = (Layer as unknown as tf.serialization.SerializableConstructor<tl.layers.Layer>).fromConfig(
        Layer as never,
        JSON.parse(JSON.stringify(config)),
      );
      assert(again instanceof Layer, "of the same class");
      assertEqual(again.getConfig(), config, "config");
    });
    define(`${Layer.className}: trains, saves, loads, and predicts the same`, async () => {
      const model = modelWith(make());
      const losses = await train(model);
      assert((losses.at(-1) as number) < (losses[0] as number), `losses ${losses}`);
      const loaded = await saveAndLoad(model);
      assert(loaded.getLayer("norm") instanceof Layer, "the class of the layer");
      assertEqual(loaded.getLayer("norm").getConfig(), model.getLayer("norm").getConfig(), "config");
      const x = numbers([9, 6]);
      assertEqual(
        [...(loaded.predict(x) as tf.Tensor).dataSync()],
        [...(model.predict(x) as tf.Tensor).dataSync()],
        "predictions",
      );
      release(model, loaded);
    });
  }
  define("LayerNorm trains as tf.layers.layerNormalization does", async () => {
    const ours = modelWith(new adanorm.LayerNorm());
    const theirs = modelWith(tl.layers.layerNormalization());
    const [losses, wanted] = [await train(ours), await train(theirs)];
    losses.forEach((loss, i) => {
      assert(Math.abs(loss - (wanted[i] as number)) < 1e-4 * (wanted[i] as number), `losses ${losses}, not ${wanted}`);
    });
    release(ours, theirs);
  });
  define("initializers and regularizers come back from a saved model", async () => {
    const args = {
      center: true,
      gammaInitializer: tl.initializers.constant({ value: 3 }),
      betaInitializer: "glorotUniform",
      gammaRegularizer: tl.regularizers.l1({ l1: 0.25 }),
    } as const;
    const model = modelWith(new adanorm.RMSNorm({ ...args, name: "norm" }));
    const loaded = await saveAndLoad(model);
    const config = loaded.getLayer("norm").getConfig();
    assertEqual(config, model.getLayer("norm").getConfig(), "config");
    assertEqual((config.gammaInitializer as { config: object }).config, { value: 3 }, "gammaInitializer");
    release(model, loaded);
  });
  define("a layer takes no number from those of TensorFlow.js's own", () => {
    const [before, , after] = [tl.layers, adanorm, tl.layers].map((from) =>
      Number(
        (from === adanorm ? new adanorm.LayerNorm() : tl.layers.layerNormalization()).name.split(
          "LayerNormalization",
        )[1],
      ),
    ) as [number, number, number];
    assertEqual(after, before + 1, "the number of the next one");
  });
  define("the last axes are normalised without a transposition", async () => {
    const x = numbers([3, 4, 5]);
    const kernelsOf = async (axis: number | number[]) =>
      (await tf.profile(() => new adanorm.LayerNormSimple({ axis }).apply(x) as tf.Tensor)).kernelNames;
    for (const axis of [-1, 2, [1, 2], [2, 1], [0, 1, 2]]) {
      assert(!(await kernelsOf(axis)).includes("Transpose"), `axis ${axis}`);
    }
    assert((await kernelsOf(1)).includes("Transpose"), "axis 1");
  });
  define("masks are passed on", () => {
    const theirs = tl.layers.layerNormalization();
    for (const Layer of Object.values(LAYERS)) {
      const mask = tf.tensor2d([[1, 0, 1]], [1, 3], "bool");
      const layer = new Layer();
      assert(layer.supportsMasking, `${Layer.className} supports masking`);
      assert(layer.computeMask(numbers([1, 3, 4]), mask) === mask, `${Layer.className}: the mask itself`);
    }
    const seed = (value: number) => tl.initializers.glorotNormal({ seed: value });
    const initial = { kernelInitializer: seed(1), recurrentInitializer: seed(2) };
    const [a, b] = [new adanorm.LayerNorm(), theirs].map((layer) =>
      tl.sequential({
        layers: [
          tl.layers.masking({ maskValue: 0, inputShape: [4, 3] }),
          layer,
          tl.layers.simpleRNN({ units: 2, ...initial }),
        ],
      }),
    ) as [tl.Sequential, tl.Sequential];
    const x = tf.concat([numbers([2, 2, 3]), tf.zeros([2, 2, 3])], 1);
    assertNear(a.predict(x) as tf.Tensor, b.predict(x) as tf.Tensor, 1e-5, "a recurrent layer behind it");
    release(a, b);
  });
  define("a layer is built for a shape, alone or in a list as TensorFlow.js has it for several inputs", () => {
    for (const shape of [[null, 5], [[null, 5]]]) {
      const layer = new adanorm.LayerNorm();
      layer.build(shape);
      assertEqual(
        layer.weights.map((weight) => weight.shape),
        [[5], [5]],
        "the shapes of gamma and beta",
      );
      for (const weight of layer.weights) weight.dispose();
    }
  });
  define("in a model of functions, applied twice", async () => {
    const input = tl.input({ shape: [4, 6] });
    const shared = new adanorm.RMSNorm({ axis: -1 });
    const once = shared.apply(input) as tl.SymbolicTensor;
    const model = tl.model({ inputs: input, outputs: shared.apply(once) as tl.SymbolicTensor });
    assertEqual(model.outputs[0]?.shape, [null, 4, 6], "the shape of the output");
    const x = numbers([2, 4, 6]);
    assertNear(model.predict(x) as tf.Tensor, adanorm.rmsNorm(adanorm.rmsNorm(x)), 1e-5, "output");
    release(model);
    // TensorFlow.js counts its uses.
    shared.dispose();
  });
}
