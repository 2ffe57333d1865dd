/**
 * The norms for TensorFlow.js, as ops on tensors and as layers. On the wasm backend, the kernels run in the memory of the
 * backend. On all other backends, the operators of TensorFlow.js compute the norms.
 *
 * @module adanorm/tfjs
 */
import { whenCompiled } from "./tfjs/module.js";

export { type AffineNormLayerArgs, LayerNorm, RMSNorm } from "./tfjs/affine-layers.js";
export { GroupNorm, type GroupNormLayerArgs } from "./tfjs/group-layer.js";
export type { LayerArgs, NormLayerArgs } from "./tfjs/layer.js";
export {
  adaNorm,
  detachNorm,
  groupNorm,
  instanceNorm,
  l2Norm,
  layerNorm,
  layerNormSimple,
  rmsNorm,
} from "./tfjs/ops.js";
export type {
  AdaNormOptions,
  AffineNormOptions,
  GroupNormOptions,
  InstanceNormOptions,
  L2NormOptions,
  NormOptions,
} from "./tfjs/options.js";
export { AdaNorm, type AdaNormLayerArgs, DetachNorm, LayerNormSimple } from "./tfjs/plain-layers.js";

/**
 * Resolves when the kernels are loaded. Loading begins with the first call of this function, or of an op on the wasm
 * backend. No op has to wait for it: until then, and on other backends than wasm, the operators of TensorFlow.js compute
 * the norms.
 *
 * @throws (rejects) WebAssembly.CompileError if the engine has no WebAssembly SIMD or the host forbids compiling. The
 * operators of TensorFlow.js then go on to compute the norms.
 */
export function ready(): Promise<void> {
  return whenCompiled();
}
