/** The base class of all layers, and their arguments. */
import { type serialization, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { type LayerVariable, layers, type Shape } from "@tensorflow/tfjs-layers";
import { rangeError, typeError } from "../checks.js";
import { checkOptions } from "../names.js";
import type { AnyName, Settings } from "../options.js";
import type { NormName } from "../types.js";
import { type Axis, checkAxis, lastAxes, overAxes, resolveAxis } from "./axes.js";
import { normalize } from "./normalize.js";
import type { AdaNormOptions } from "./options.js";
import { savedSettingsOf } from "./settings.js";

/** Arguments of every layer of TensorFlow.js: `name`, `inputShape`, `trainable` and others. */
export type LayerArgs = NonNullable<ConstructorParameters<typeof layers.Layer>[0]>;

/** Arguments of all norm layers. Names of TensorFlow.js and names of the ops are both accepted. */
export interface NormLayerArgs extends LayerArgs {
  /**
   * The axis or axes that are normalised together. Negative ones count from the end. Default -1. Axes other than the last
   * ones take two transpositions.
   */
  axis?: number | number[] | undefined;
  /** The number of last axes that are normalised together, instead of `axis`: 2 means `axis: [-2, -1]`. */
  axes?: number | undefined;
  /**
   * Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5; 1e-3 for LayerNorm.
   */
  epsilon?: number | undefined;
  /** The same as `epsilon`. */
  eps?: number | undefined;
  /** `"variance"` (default): sigma = sqrt(var + epsilon). `"std"`: sigma = sqrt(var) + epsilon, as in the paper's code. */
  epsAt?: "variance" | "std" | undefined;
  /** Is subtracted from the number of elements in the variance: 0 (default) or 1. No effect in RMSNorm. */
  ddof?: 0 | 1 | undefined;
  /** Whether the gradient holds the mean constant. Default false; true for DetachNorm. */
  detachMean?: boolean | undefined;
  /** Whether the gradient holds the standard deviation constant. Default false; true for DetachNorm. */
  detachStd?: boolean | undefined;
}

/** @internal Arguments for weights. */
export const WEIGHTS = ["center", "betaInitializer", "gammaInitializer", "betaRegularizer", "gammaRegularizer"];

/** The arguments of all layers. Layers without weights refuse those for weights later, with a better message. */
const ARGUMENTS: ReadonlySet<string> = new Set([
  ...["name", "trainable", "inputShape", "batchInputShape", "batchSize", "dtype", "inputDType", "weights"],
  ...["axis", "axes", "epsilon", "eps", "epsAt", "ddof", "detachMean", "detachStd"],
  ...["scale", ...WEIGHTS],
]);
const ADA_ARGUMENTS: ReadonlySet<string> = new Set([...ARGUMENTS, "k", "detachScale"]);
const GROUP_ARGUMENTS: ReadonlySet<string> = new Set([...[...ARGUMENTS].filter((name) => name !== "axes"), "groups"]);

function argumentsOf(name: AnyName): ReadonlySet<string> {
  if (name === "groupNorm") return GROUP_ARGUMENTS;
  return name === "adaNorm" ? ADA_ARGUMENTS : ARGUMENTS;
}

/** Whether an argument was given. Saved models have null for those that were not. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The one input of a layer. */
function onlyTensor(call: string, inputs: Tensor | Tensor[]): Tensor {
  if (!Array.isArray(inputs)) return inputs;
  if (inputs.length !== 1) throw rangeError(call, "inputs", "1 tensor", `${inputs.length}`);
  return inputs[0] as Tensor;
}

/** @internal The shape of the one input of a layer. */
export function onlyShape(inputShape: Shape | Shape[]): Shape {
  const [first] = inputShape;
  return (Array.isArray(first) ? first : inputShape) as Shape;
}

/**
 * @internal Throws if a layer without weights gets arguments for weights, because a model that relies on weights would
 * silently compute something else.
 */
export function refuseWeights(call: string, args: object, names: string[]): void {
  for (const name of names) {
    const value = (args as Record<string, unknown>)[name] ?? false;
    if (value !== false) throw typeError(call, name, `none, as ${call} has no gamma and no beta`, value);
  }
}

/** @internal All arguments of norm layers, including those that only AdaNorm has. */
type NormArgs = NormLayerArgs & Pick<AdaNormOptions, "scale" | "k" | "detachScale">;

/** The layer of a norm. It applies the op of the same name to its input and its weights. */
export abstract class NormLayer extends layers.Layer {
  /** The axis or axes that are normalised together, as they were given. */
  readonly axis: number | number[];
  /** @internal The norm's options. */
  protected readonly settings: Settings<AnyName>;

  /**
   * @internal
   * @param epsilon the default of epsilon.
   */
  protected constructor(call: string, name: AnyName, args: NormArgs, epsilon = 1e-5) {
    checkOptions(call, "args", args, argumentsOf(name), null);
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
   * Makes a layer from the result of {@link getConfig}. TensorFlow.js calls this when it loads a model.
   *
   * @typeParam T the type of the layer.
   * @param cls the class of the layer.
   * @param config the arguments of the layer, and values that TensorFlow.js adds.
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
   * Prepares the layer for its input. TensorFlow.js calls this when the layer is first applied.
   *
   * @param inputShape the shape of the input; null is a length that is not yet known.
   * @throws RangeError if the input does not have the axes, or their lengths are not known.
   */
  override build(inputShape: Shape | Shape[]): void {
    this.normalisedShape(inputShape);
    super.build(inputShape);
  }

  /**
   * Normalises a batch.
   *
   * @param inputs one float32 tensor.
   * @param kwargs arguments of TensorFlow.js, which have no effect here.
   * @returns a float32 tensor of the same shape.
   * @throws TypeError if the tensor is not float32.
   */
  override call(inputs: Tensor | Tensor[], kwargs: Parameters<layers.Layer["call"]>[1]): Tensor | Tensor[] {
    return tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = onlyTensor(this.getClassName(), inputs);
      const { gamma, beta } = this.weightsInUse();
      return this.normalise(x, gamma?.read(), beta?.read());
    });
  }

  /** The arguments that make the same layer again, as JSON, except for values that TensorFlow.js adds. */
  override getConfig(): serialization.ConfigDict {
    const { eps, epsAt, ddof, detachMean, detachStd } = this.settings;
    return { ...super.getConfig(), axis: this.axis, epsilon: eps, epsAt, ddof, detachMean, detachStd };
  }

  /** @internal Applies the op of the layer's norm. */
  protected normalise(x: Tensor, gain: Tensor | undefined, bias: Tensor | undefined): Tensor {
    const { name, ...options } = this.settings;
    const axes = resolveAxis(this.getClassName(), this.axis as Axis, x.rank);
    // GroupNorm, which the name cannot be, has an op of its own.
    return overAxes(x, axes, gain, bias, (rows, count, gainInShape, biasInShape) =>
      normalize(name as NormName, rows, { ...options, axes: count, gain: gainInShape, bias: biasInShape }),
    );
  }

  /** @internal The weights that the layer has. */
  protected weightsInUse(): { gamma?: LayerVariable | undefined; beta?: LayerVariable | undefined } {
    return {};
  }

  /** @internal The lengths of the normalised axes, in the order of the `axis` argument. */
  protected normalisedShape(inputShape: Shape | Shape[]): number[] {
    const call = this.getClassName();
    const shape = onlyShape(inputShape);
    return resolveAxis(call, this.axis as Axis, shape.length).map((axis) => {
      const length = shape[axis];
      if (typeof length === "number") return length;
      throw rangeError(call, "axis", "axes of a known length", `axis ${axis} of shape [${shape.map(String)}]`);
    });
  }
}
