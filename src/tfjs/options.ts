/** The options of the ops. */
import type { Tensor } from "@tensorflow/tfjs-core";

/** Options of every op. An option that is left out, or undefined, has the default named here. */
export interface NormOptions {
  /** The number of last axes of x that are normalised together: an integer from 1 to the rank of x. Default 1. */
  axes?: number | undefined;
  /** Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5. */
  eps?: number | undefined;
  /**
   * Where eps is added. `"variance"` (default): sigma = sqrt(var + eps), as in the paper, PyTorch and TensorFlow.
   * `"std"`: sigma = sqrt(var) + eps, as in the paper's code.
   */
  epsAt?: "variance" | "std" | undefined;
  /** Is subtracted from the number of elements in the variance: 0 (default) or 1. No effect in rmsNorm. */
  ddof?: 0 | 1 | undefined;
  /** Whether the gradient holds the mean constant. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Whether the gradient holds the standard deviation constant. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
}

/** Options of l2Norm. */
export interface L2NormOptions extends Pick<NormOptions, "axes"> {
  /** The least norm that a row is divided by. Finite, 0 or more. Default 1e-12. */
  eps?: number | undefined;
  /** Whether the gradient holds the norm constant. Default false. */
  detachStd?: boolean | undefined;
}

/** Options of layerNorm and rmsNorm: those of every op, and gain and bias. */
export interface AffineNormOptions extends NormOptions {
  /** Multiplies the normalised values: a float32 tensor with the shape of the last `axes` axes of x. Default: none. */
  gain?: Tensor | undefined;
  /** Is added after the gain: a float32 tensor with the shape of the last `axes` axes of x. Default: none. */
  bias?: Tensor | undefined;
}

/** Options of instanceNorm: those of every op but `axes`, the axis of the channels, and gain and bias. */
export interface InstanceNormOptions extends Omit<NormOptions, "axes"> {
  /**
   * The axis of the channels: an integer other than 0, which is the axis of the samples. Negative ones count from the end. Default 1:
   * channels first. -1: channels last.
   */
  axis?: number | undefined;
  /** Multiplies the normalised values: a float32 tensor with an element for each channel. Default: none. */
  gain?: Tensor | undefined;
  /** Is added after the gain: a float32 tensor with an element for each channel. Default: none. */
  bias?: Tensor | undefined;
}

/** Options of groupNorm: those of instanceNorm, and the number of groups. */
export interface GroupNormOptions extends InstanceNormOptions {
  /** The groups that the channels of a sample are divided into, in order: a divisor of the number of channels. */
  groups: number;
}

/** Options of adaNorm: those of every op, and three for its adaptive scale C (1 - k z). */
export interface AdaNormOptions extends NormOptions {
  /** C, more than 0. Default 1. */
  scale?: number | undefined;
  /** k, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Whether the gradient holds C (1 - k z) constant, as the paper does. Default true; false differentiates it. */
  detachScale?: boolean | undefined;
}
