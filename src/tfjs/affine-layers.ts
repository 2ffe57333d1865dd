/** The layers that have weights. */
import { serialization } from "@tensorflow/tfjs-core";
import { type LayerVariable, layers, type Shape } from "@tensorflow/tfjs-layers";
import { checkBoolean } from "../checks.js";
import type { NormName } from "../types.js";
import { NormLayer, type NormLayerArgs } from "./layer.js";

/** TensorFlow.js's arguments for the weights of its own layer normalization. */
type WeightArgs = NonNullable<Parameters<typeof layers.layerNormalization>[0]>;

/** Arguments of LayerNorm and RMSNorm: those of every norm's layer, and those of their weights. All may be left out. */
export interface AffineNormLayerArgs extends NormLayerArgs {
  /** Whether there is a beta, which is added. Default true; RMSNorm: false. */
  center?: boolean | undefined;
  /** Whether there is a gamma, which multiplies. Default true. */
  scale?: boolean | undefined;
  /** What beta begins with: the name of an initializer, or one. Default `"zeros"`. */
  betaInitializer?: WeightArgs["betaInitializer"] | undefined;
  /** What gamma begins with: the name of an initializer, or one. Default `"ones"`. */
  gammaInitializer?: WeightArgs["gammaInitializer"] | undefined;
  /** A regularizer for beta. Default: none. */
  betaRegularizer?: WeightArgs["betaRegularizer"] | undefined;
  /** A regularizer for gamma. Default: none. */
  gammaRegularizer?: WeightArgs["gammaRegularizer"] | undefined;
}

/**
 * TensorFlow.js's own layer with the same arguments: what reads and writes initializers and regularizers in all the ways
 * in which they can be given is exported by no other name.
 */
function readWeightArgs(args: AffineNormLayerArgs) {
  const { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer } = args;
  const given = { betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer } as WeightArgs;
  // With a name, it takes none of those that are counted.
  return layers.layerNormalization({ name: "weights", ...given });
}

/** A norm with gamma and beta. */
export abstract class AffineNormLayer extends NormLayer {
  /** Whether there is a beta. */
  readonly center: boolean;
  /** Whether there is a gamma. */
  readonly scale: boolean;
  readonly #weightArgs: ReturnType<typeof readWeightArgs>;
  #gamma: LayerVariable | undefined;
  #beta: LayerVariable | undefined;

  /**
   * @internal
   * @param defaults those by which the norms differ.
   */
  protected constructor(
    call: string,
    name: NormName,
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
   * Makes gamma and beta, in the shape of the axes that are normalised.
   *
   * @param inputShape the shape of the input, null being a length that is not known yet.
   * @throws RangeError where the axes are none of the input's, or their lengths are not known.
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

  /** What makes the same layer again. */
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
 * Layer normalization, in the place of `tf.layers.layerNormalization`: the same arguments make the same weights and, but for
 * rounding, the same outputs. Weights: gamma, beta.
 */
export class LayerNorm extends AffineNormLayer {
  /** The name in saved models. */
  static readonly className: string = "LayerNorm";

  /**
   * @param args see {@link AffineNormLayerArgs}; all optional. epsilon: default 1e-3, as in TensorFlow.js.
   * @throws TypeError for an argument of a wrong kind, RangeError for one that is out of range.
   */
  constructor(args: AffineNormLayerArgs = {}) {
    super("LayerNorm", "layerNorm", args, { center: true, epsilon: 1e-3 });
  }
}

/** RMS normalization: gamma x / sqrt(mean(x^2) + epsilon) + beta. Weights: gamma; with `center: true`, beta. */
export class RMSNorm extends AffineNormLayer {
  /** The name in saved models. */
  static readonly className: string = "RMSNorm";

  /**
   * @param args see {@link AffineNormLayerArgs}; all optional. center: default false.
   * @throws TypeError for an argument of a wrong kind, RangeError for one that is out of range.
   */
  constructor(args: AffineNormLayerArgs = {}) {
    super("RMSNorm", "rmsNorm", args, { center: false, epsilon: 1e-5 });
  }
}

serialization.registerClass(LayerNorm);
serialization.registerClass(RMSNorm);
