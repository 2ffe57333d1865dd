/** The layers that have no weights. */
import { serialization } from "@tensorflow/tfjs-core";
import { NormLayer, type NormLayerArgs, refuseWeights, WEIGHTS } from "./layer.js";

/** Arguments of AdaNorm: those of all norm layers, and three for its adaptive scale C (1 - k z). */
export interface AdaNormLayerArgs extends NormLayerArgs {
  /** C, a number more than 0. It is not the `scale` of layer normalization, which is true or false. Default 1. */
  scale?: number | undefined;
  /** k, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Whether the gradient holds C (1 - k z) constant, as the paper does. Default true; false differentiates it. */
  detachScale?: boolean | undefined;
}

/** Layer normalization without gain and bias: (x - mean) / sigma. No weights. */
export class LayerNormSimple extends NormLayer {
  /** The name in saved models. */
  static readonly className: string = "LayerNormSimple";

  /**
   * @param args see {@link NormLayerArgs}; all optional.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: NormLayerArgs = {}) {
    super("LayerNormSimple", "layerNormSimple", args);
    refuseWeights("LayerNormSimple", args, ["scale", ...WEIGHTS]);
  }
}

/** The same as {@link LayerNormSimple}, but the gradient holds mean and standard deviation constant. No weights. */
export class DetachNorm extends NormLayer {
  /** The name in saved models. */
  static readonly className: string = "DetachNorm";

  /**
   * @param args see {@link NormLayerArgs}; all optional.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: NormLayerArgs = {}) {
    super("DetachNorm", "detachNorm", args);
    refuseWeights("DetachNorm", args, ["scale", ...WEIGHTS]);
  }
}

/** AdaNorm: C (1 - k z) z, where z = (x - mean) / sigma. No weights. */
export class AdaNorm extends NormLayer {
  /** The name in saved models. */
  static readonly className: string = "AdaNorm";

  /**
   * @param args see {@link AdaNormLayerArgs}; all optional.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: AdaNormLayerArgs = {}) {
    super("AdaNorm", "adaNorm", args);
    refuseWeights("AdaNorm", args, WEIGHTS);
  }

  /** The arguments that make the same layer again. */
  override getConfig(): serialization.ConfigDict {
    const { scale, k, detachScale } = this.settings;
    return { ...super.getConfig(), scale, k, detachScale };
  }
}

serialization.registerClass(LayerNormSimple);
serialization.registerClass(DetachNorm);
serialization.registerClass(AdaNorm);
