/** The layers that have weights. */
import { serialization } from "@tensorflow/tfjs-core";
import { type LayerVariable, layers, type Shape } from "@tensorflow/tfjs-layers";
import { checkBoolean } from "../checks.js";
import type { AnyName } from "../options.js";
import { NormLayer, type NormLayerArgs } from "./layer.js";

/** The arguments of TensorFlow.js's own layer normalization, which include those for weights. */
type WeightArgs = NonNullable<Parameters<typeof layers.layerNormalization>[0]>;

/** Arguments of LayerNorm and RMSNorm: those of all norm layers, and those for weights. All may be left out. */
export interface AffineNormLayerArgs extends NormLayerArgs {
  /** Whether the layer has a beta, which is added. Default true; false for RMSNorm. */
  center?: boolean | undefined;
  /** Whether the layer has a gamma, which multiplies. Default true. */
  scale?: boolean | undefined;
  /** The initializer of beta: its name, or the initializer itself. Default `"zeros"`. */
  betaInitializer?: WeightArgs["betaInitializer"] | undefined;
  /** The initializer of gamma: its name, or the initializer itself. Default `"ones"`. */
  gammaInitializer?: WeightArgs["gammaInitializer"] | undefined;
  /** A regularizer for beta. Default: none. */
  betaRegularizer?: WeightArgs["betaRegularizer"] | undefined;
  /** A regularizer for gamma. Default: none. */
  gammaRegularizer?: WeightArgs["gammaRegularizer"] | undefined;
}

/**
 * Makes TensorFlow.js's own layer normalization with the same arguments. It reads initializers and regularizers in all
 * forms that they can have, and writes them for saved models. TensorFlow.js exports no function that does this.
 */
function readWeightArgs(args: AffineNormLayerArgs) {
  const { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer } = args;
  const given = { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer } as WeightArgs;
  // Without a name, it would use up a number of TensorFlow.js's automatic layer names.
  return layers.layerNormalization({ name: "weights", ...given });
}

/** The layer of a norm that can have gamma and beta. */
export abstract class AffineNormLayer extends NormLayer {
  /** Whether the layer has a beta. */
  readonly center: boolean;
  /** Whether the layer has a gamma. */
  readonly scale: boolean;
  readonly #weightArgs: ReturnType<typeof readWeightArgs>;
  #gamma: LayerVariable | undefined;
  #beta: LayerVariable | undefined;

  /**
   * @internal
   * @param defaults the defaults in which the norms differ.
   */
  protected constructor(
    call: string,
    name: AnyName,
    args: AffineNormLayerArgs,
    defaults: { center: boolean; epsilon: number },
  ) {
    const { center, scale, ...others } = args;
    super(call, name, others, defaults.epsilon);
    this.center = checkBoolean(call, "center", center ?? defaults.center);
    this.scale = checkBoolean(call, "scale", scale ?? true);
    this.#weightArgs = readWeightArgs(args);
  }

  /**
   * Makes gamma and beta, with the shape of the normalised axes.
   *
   * @param inputShape the shape of the input; null is a length that is not yet known.
   * @throws RangeError if the input does not have the axes, or their lengths are not known.
   */
  override build(inputShape: Shape | Shape[]): void {
    const shape = this.normalisedShape(inputShape);
    const { gammaInitializer, gammaRegularizer, betaInitializer, betaRegularizer } = this.#weightArgs;
    if (this.scale) {
      this.#gamma = this.addWeight("gamma", shape, "float32", gammaInitializer, gammaRegularizer, true);
    }
    if (this.center) {
      this.#beta = this.addWeight("beta", shape, "float32", betaInitializer, betaRegularizer, true);
    }
    super.build(inputShape);
  }

  /** The arguments that make the same layer again. */
  override getConfig(): serialization.ConfigDict {
    const { center, scale } = this;
    const { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer } = this.#weightArgs.getConfig();
    const weights = { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer };
    return { ...super.getConfig(), center, scale, ...(weights as serialization.ConfigDict) };
  }

  /** @internal */
  protected override weightsInUse() {
    return { gamma: this.#gamma, beta: this.#beta };
  }
}

/**
 * Layer normalization. It can replace `tf.layers.layerNormalization`: the same arguments give the same weights and, except
 * for rounding, the same outputs. Weights: gamma, beta.
 */
export class LayerNorm extends AffineNormLayer {
  /** The name in saved models. */
  static readonly className: string = "LayerNorm";

  /**
   * @param args see {@link AffineNormLayerArgs}; all optional. epsilon: default 1e-3, as in TensorFlow.js.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: AffineNormLayerArgs = {}) {
    super("LayerNorm", "layerNorm", args, { center: true, epsilon: 1e-3 });
  }
}

/** RMS normalization: gamma x / sqrt(mean(x^2) + epsilon) + beta. Weights: gamma and, with `center: true`, beta. */
export class RMSNorm extends AffineNormLayer {
  /** The name in saved models. */
  static readonly className: string = "RMSNorm";

  /**
   * @param args see {@link AffineNormLayerArgs}; all optional. center: default false.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: AffineNormLayerArgs = {}) {
    super("RMSNorm", "rmsNorm", args, { center: false, epsilon: 1e-5 });
  }
}

serialization.registerClass(LayerNorm);
serialization.registerClass(RMSNorm);
