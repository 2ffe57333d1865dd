/** The layers that have no weights. */
import { serialization } from "@tensorflow/tfjs-core";
import { NormLayer, type NormLayerArgs, refuseWeights, WEIGHTS } from "./layer.js";

/** Arguments of AdaNorm: those of every norm's layer, and the shape of its adaptive scale C (1 - k z). */
export interface AdaNormLayerArgs extends NormLayerArgs {
  /** C, a number of more than 0: not the `scale` of layer normalization, which is true or false. Default 1. */
  scale?: number | undefined;
  /** k, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Hold C (1 - k z) constant in the gradient, as the paper does. Default true; false differentiates it. */
  detachScale?: boolean | undefined;
}

/** Layer normalization without gain and bias: (x - mean) / sigma. No weights. */
export class LayerNormSimple extends NormLayer {
  /** The name in saved models. */
  static readonly className: string = "LayerNormSimple";

  /**
   * @param args see {@link NormLayerArgs}; all optional.
   * @throws TypeError for an argument of a wrong kind, RangeError for one that is out of range.
   */
  constructor(args: NormLayerArgs = {}) {
    super("LayerNormSimple", "layerNormSimple", args);
    refuseWeights("LayerNormSimple", args, ["scale", ...WEIGHTS]);
  }
}

/** As {@link LayerNormSimple}, with mean and standard deviation held constant in the gradient. No weights. */
export class DetachNorm extends NormLayer {
  /** The name in saved models. */
  static readonly className: string = "DetachNorm";

  /**
   * @param args see {@link NormLayerArgs}; all optional.
   * @throws TypeError for an argument of a wrong kind, RangeError for one that is out of range.
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
   * @throws TypeError for an argument of a wrong kind, RangeError for one that is out of range.
   */
  constructor(args: AdaNormLayerArgs = {}) {
    super("AdaNorm", "adaNorm", args);
    refuseWeights("AdaNorm", args, WEIGHTS);
  }

  /** What makes the same layer again. */
  override getConfig(): serialization.ConfigDict {
    const { scale, k, detachScale } = this.settings;
    return { ...super.getConfig(), scale, k, detachScale };
  }
}

serialization.registerClass(LayerNormSimple);
serialization.registerClass(DetachNorm);
serialization.registerClass(AdaNorm);
