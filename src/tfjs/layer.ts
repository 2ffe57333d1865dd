/** What the layers have in common. */
import { type serialization, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { type LayerVariable, layers, type Shape } from "@tensorflow/tfjs-layers";
import { rangeError, typeError } from "../checks.js";
import { checkOptions } from "../names.js";
import type { Settings } from "../options.js";
import type { NormName } from "../types.js";
import { type Axis, checkAxis, lastAxes, overAxes, resolveAxis } from "./axes.js";
import { normalize } from "./normalize.js";
import type { AdaNormOptions } from "./options.js";
import { savedSettingsOf } from "./settings.js";

/** Arguments that every layer of TensorFlow.js takes: `name`, `inputShape`, `trainable` and others. */
export type LayerArgs = NonNullable<ConstructorParameters<typeof layers.Layer>[0]>;

/** Arguments of every norm's layer. TensorFlow.js's names and those of the ops stand for the same. */
export interface NormLayerArgs extends LayerArgs {
  /**
   * The axis or axes that are normalised together; below 0, counted from the end. Default -1. Other axes than the last
   * ones cost two transpositions.
   */
  axis?: number | number[] | undefined;
  /** How many of the last axes, instead of `axis`: 2 is short for `axis: [-2, -1]`. */
  axes?: number | undefined;
  /** Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5; LayerNorm: 1e-3. */
  epsilon?: number | undefined;
  /** The same as `epsilon`. */
  eps?: number | undefined;
  /** `"variance"` (default): sigma = sqrt(var + epsilon). `"std"`: sigma = sqrt(var) + epsilon, as in the paper's code. */
  epsAt?: "variance" | "std" | undefined;
  /** Subtracted from the number of elements in the variance: 0 (default) or 1. RMSNorm has no use for it. */
  ddof?: 0 | 1 | undefined;
  /** Hold the mean constant in the gradient. Default false; true for DetachNorm. */
  detachMean?: boolean | undefined;
  /** Hold the standard deviation constant in the gradient. Default false; true for DetachNorm. */
  detachStd?: boolean | undefined;
}

/** @internal Arguments for weights. */
export const WEIGHTS = ["center", "betaInitializer", "gammaInitializer", "betaRegularizer", "gammaRegularizer"];

/** Arguments of TensorFlow.js's own layers, those of every norm's, and those that some refuse with more words. */
const ARGUMENTS: ReadonlySet<string> = new Set([
  ...["name", "trainable", "inputShape", "batchInputShape", "batchSize", "dtype", "inputDType", "weights"],
  ...["axis", "axes", "epsilon", "eps", "epsAt", "ddof", "detachMean", "detachStd"],
  ...["scale", ...WEIGHTS],
]);
const ADA_ARGUMENTS: ReadonlySet<string> = new Set([...ARGUMENTS, "k", "detachScale"]);

/** Whether an argument was given. Saved models have null for what was not. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The one input of a layer. */
function onlyTensor(call: string, inputs: Tensor | Tensor[]): Tensor {
  if (!Array.isArray(inputs)) return inputs;
  if (inputs.length !== 1) throw rangeError(call, "inputs", "1 tensor", `${inputs.length}`);
  return inputs[0] as Tensor;
}

/** @internal Refuses arguments for weights that a norm has not: a model that relies on them would be another one without a word. */
export function refuseWeights(call: string, args: object, names: string[]): void {
  for (const name of names) {
    const value = (args as Record<string, unknown>)[name] ?? false;
    if (value !== false) throw typeError(call, name, `none, as ${call} has no gamma and no beta`, value);
  }
}

/** @internal The options of a norm that layers take by the names that the ops have for them. */
type NormArgs = NormLayerArgs & Pick<AdaNormOptions, "scale" | "k" | "detachScale">;

/** A norm as a layer of TensorFlow.js: the op of the same name, on the input and on the layer's weights. */
export abstract class NormLayer extends layers.Layer {
  /** The axis or axes that are normalised together, as they were given. */
  readonly axis: number | number[];
  /** @internal The norm's options. */
  protected readonly settings: Settings;

  /**
   * @internal
   * @param epsilon the default.
   */
  protected constructor(call: string, name: NormName, args: NormArgs, epsilon = 1e-5) {
    checkOptions(call, "args", args, name === "adaNorm" ? ADA_ARGUMENTS : ARGUMENTS, null);
    super(args);
    const { axis, axes, eps } = args;
    if (isGiven(axis) && isGiven(axes)) throw rangeError(call, "axes", "none where axis is given", axes);
    if (isGiven(args.epsilon) && isGiven(eps) && args.epsilon !== eps) {
      throw rangeError(call, "eps", `the same as epsilon, ${args.epsilon}`, eps);
    }
    const epsName = isGiven(args.epsilon) ? "epsilon" : "eps";
    this.axis = isGiven(axes) ? lastAxes(call, axes) : checkAxis(call, axis ?? -1);
    this.settings = savedSettingsOf(call, name, { ...args, eps: args.epsilon ?? eps ?? epsilon }, epsName);
    this.supportsMasking = true;
  }

  /**
   * Makes a layer of what {@link getConfig} gave, when a model is loaded.
   *
   * @typeParam T the class of the layer.
   * @param cls the class of the layer.
   * @param config its arguments, and what TensorFlow.js hands on beside them.
   */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { customObjects, ...args } = config;
    return new cls(args);
  }

  /** Added to the variance, or to the standard deviation. */
  get epsilon(): number {
    return this.settings.eps;
  }

  /**
   * Prepares the layer for its input, when it is applied first.
   *
   * @param inputShape the shape of the input, null being a length that is not known yet.
   * @throws RangeError where the axes are none of the input's, or their lengths are not known.
   */
  override build(inputShape: Shape | Shape[]): void {
    this.normalisedShape(inputShape);
    super.build(inputShape);
  }

  /**
   * Normalises a batch.
   *
   * @param inputs one float32 tensor.
   * @param kwargs what TensorFlow.js passes on; of no use here.
   * @returns a float32 tensor of the same shape.
   * @throws TypeError for a tensor that is not of float32.
   */
  override call(inputs: Tensor | Tensor[], kwargs: Parameters<layers.Layer["call"]>[1]): Tensor | Tensor[] {
    return tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = onlyTensor(this.getClassName(), inputs);
      const { gamma, beta } = this.weightsInUse();
      const { name, eps, ...others } = this.settings;
      const axes = resolveAxis(this.getClassName(), this.axis as Axis, x.rank);
      return overAxes(x, axes, gamma?.read(), beta?.read(), (rows, count, gain, bias) =>
        normalize(name, rows, { ...others, eps, axes: count, gain, bias }),
      );
    });
  }

  /** What makes the same layer again: JSON, but for what TensorFlow.js itself adds. */
  override getConfig(): serialization.ConfigDict {
    const { eps, epsAt, ddof, detachMean, detachStd } = this.settings;
    return { ...super.getConfig(), axis: this.axis, epsilon: eps, epsAt, ddof, detachMean, detachStd };
  }

  /** @internal The weights that there are. */
  protected weightsInUse(): { gamma?: LayerVariable | undefined; beta?: LayerVariable | undefined } {
    return {};
  }

  /** @internal The lengths of the axes that are normalised, in the order in which they are named. */
  protected normalisedShape(inputShape: Shape | Shape[]): number[] {
    const call = this.getClassName();
    const [first] = inputShape;
    const shape = (Array.isArray(first) ? first : inputShape) as Shape;
    return resolveAxis(call, this.axis as Axis, shape.length).map((axis) => {
      const length = shape[axis];
      if (typeof length === "number") return length;
      throw rangeError(call, "axis", "axes of a known length", `axis ${axis} of shape [${shape.map(String)}]`);
    });
  }
}
