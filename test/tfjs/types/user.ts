/** Only compiled, in a project with the packed package and TensorFlow.js. */
import * as tf from "@tensorflow/tfjs-core";
import type { layers, Sequential, SymbolicTensor } from "@tensorflow/tfjs-layers";
import {
  AdaNorm,
  type AdaNormLayerArgs,
  type AffineNormLayerArgs,
  adaNorm,
  DetachNorm,
  detachNorm,
  GroupNorm,
  type GroupNormLayerArgs,
  groupNorm,
  instanceNorm,
  LayerNorm,
  LayerNormSimple,
  l2Norm,
  layerNorm,
  layerNormSimple,
  RMSNorm,
  ready,
  rmsNorm,
} from "adanorm/tfjs";

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the value has exactly the type. */
function expectType<Expected>() {
  return <Actual>(_value: Actual, ..._proof: Is<Actual, Expected> extends true ? [] : [never]): void => {};
}

export async function ops(x: tf.Tensor2D, gain: tf.Tensor1D, weight: tf.Variable): Promise<void> {
  expectType<void>()(await ready());
  expectType<tf.Tensor2D>()(layerNorm(x));
  expectType<tf.Tensor2D>()(layerNorm(x, { gain, bias: weight, eps: 1e-6, axes: 2, epsAt: "std", ddof: 1 }));
  expectType<tf.Tensor2D>()(layerNormSimple(x, { detachMean: true, detachStd: undefined }));
  expectType<tf.Tensor2D>()(detachNorm(x, {}));
  expectType<tf.Tensor2D>()(adaNorm(x, { scale: 2, k: 0.2, detachScale: false }));
  expectType<tf.Tensor2D>()(rmsNorm(x, { gain: undefined }));
  expectType<tf.Tensor2D>()(l2Norm(x, { eps: 1e-6, axes: 2, detachStd: true }));
  // @ts-expect-error: no gain here either
  l2Norm(x, { gain });
  expectType<tf.Tensor2D>()(groupNorm(x, { groups: 2, gain, bias: weight, eps: 1e-6, axis: -1 }));
  expectType<tf.Tensor2D>()(instanceNorm(x));
  // @ts-expect-error: how many groups
  groupNorm(x, {});
  // @ts-expect-error: a group for each channel
  instanceNorm(x, { groups: 2 });
  // @ts-expect-error: the channels have one axis
  groupNorm(x, { groups: 2, axes: 2 });
  expectType<tf.Tensor<tf.Rank>>()(tf.grad((one) => layerNorm(one, { gain }))(x));
  // @ts-expect-error: a tensor, not its values
  layerNorm([1, 2, 3]);
  // @ts-expect-error: no gain here
  layerNormSimple(x, { gain });
  // @ts-expect-error: a number
  adaNorm(x, { scale: true });
  // @ts-expect-error: TensorFlow.js's name is the layers'
  layerNorm(x, { epsilon: 1e-3 });
}

export function models(
  model: Sequential,
  input: SymbolicTensor,
  args: Parameters<typeof layers.layerNormalization>[0],
): void {
  model.add(new LayerNorm());
  model.add(new LayerNorm(args));
  model.add(new LayerNorm({ epsilon: 1e-3, axis: [-2, -1], center: false, gammaInitializer: "ones", name: "norm" }));
  model.add(new LayerNorm({ eps: 1e-3, epsAt: "std", ddof: 1, detachMean: true, inputShape: [4] }));
  model.add(new LayerNormSimple({ axes: 2, trainable: false }));
  model.add(new DetachNorm({ epsilon: undefined }));
  model.add(new AdaNorm({ scale: 1, k: 0.1, detachScale: true }));
  model.add(new RMSNorm({ center: true, scale: false }));
  expectType<SymbolicTensor | SymbolicTensor[] | tf.Tensor | tf.Tensor[]>()(new AdaNorm().apply(input));
  expectType<number>()(new RMSNorm().epsilon);
  const ada: AdaNormLayerArgs = { scale: 2 };
  const affine: AffineNormLayerArgs = { scale: true };
  model.add(new AdaNorm(ada));
  model.add(new LayerNorm(affine));
  const group: GroupNormLayerArgs = { groups: -1, axis: 1, epsilon: 1e-5, center: false, gammaInitializer: "ones" };
  model.add(new GroupNorm(group));
  expectType<number>()(new GroupNorm().groups);
  // @ts-expect-error: the channels have one axis
  model.add(new GroupNorm({ axis: [1, 2] }));
  // @ts-expect-error: LayerNorm's scale is whether there is a gamma
  model.add(new LayerNorm(ada));
  // @ts-expect-error: AdaNorm's is C
  model.add(new AdaNorm({ scale: true }));
  // @ts-expect-error: no weights
  model.add(new DetachNorm({ gammaInitializer: "ones" }));
}
