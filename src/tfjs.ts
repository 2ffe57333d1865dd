/**
 * The norms for TensorFlow.js: operators on tensors, and layers. On the wasm backend they run in its own memory; on all
 * others, TensorFlow.js's operators do the work.
 *
 * @module adanorm/tfjs
 */
import { whenCompiled } from "./tfjs/module.js";

export { type AffineNormLayerArgs, LayerNorm, RMSNorm } from "./tfjs/affine-layers.js";
export type { LayerArgs, NormLayerArgs } from "./tfjs/layer.js";
export { adaNorm, detachNorm, layerNorm, layerNormSimple, rmsNorm } from "./tfjs/ops.js";
export type { AdaNormOptions, AffineNormOptions, NormOptions } from "./tfjs/options.js";
export { AdaNorm, type AdaNormLayerArgs, DetachNorm, LayerNormSimple } from "./tfjs/plain-layers.js";

/**
 * Resolves when the kernels are loaded. Until then, and on other backends than wasm, TensorFlow.js's operators do the work:
 * no call has to wait for this. Loading begins with the first call of this function or of an op on the wasm backend.
 *
 * @throws (rejects) WebAssembly.CompileError where the engine has no WebAssembly SIMD or the host forbids compiling;
 * operators go on doing the work then.
 */
export function ready(): Promise<void> {
  return whenCompiled();
}
