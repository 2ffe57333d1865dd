import type { DType } from "./elements.js";

/** The names of the norms over rows of `size` elements, as in Kernels. */
export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm" | "l2Norm";

/** The names of the norms over groups of channels, as in Kernels. */
export type ChannelNormName = "groupNorm" | "instanceNorm";

/**
 * Options of every norm. An option that is left out, or undefined, has the default named here.
 *
 * @typeParam D the dtype.
 */
export interface StatsOptions<D extends DType = DType> {
  /** H, the length of one row. An integer, 1 or more. */
  size: number;
  /** Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5. */
  eps?: number | undefined;
  /**
   * Where eps is added. `"variance"` (default): sigma = sqrt(var + eps), as in the paper, PyTorch and ONNX.
   * `"std"`: sigma = sqrt(var) + eps, as in the paper's code.
   */
  epsAt?: "variance" | "std" | undefined;
  /**
   * Is subtracted from H in the variance: 0 (default; the paper, PyTorch) or 1 (the paper's code, torch.std). No effect in
   * rmsNorm, which has no variance.
   */
  ddof?: 0 | 1 | undefined;
  /** Whether backward holds the mean constant. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Whether backward holds the standard deviation constant. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
  /**
   * How x, y, dy, dx and all other batches of their shape are stored. Default `"f32"`. gain and bias may be of this dtype
   * or f32; their gradients are f32.
   */
  dtype?: D | undefined;
}

/**
 * Options of l2Norm.
 *
 * @typeParam D the dtype.
 */
export interface L2NormOptions<D extends DType = DType> extends Pick<StatsOptions<D>, "size" | "dtype"> {
  /** The least norm that a row is divided by: rows whose norm is less do not become unit vectors. Finite, 0 or more. Default 1e-12. */
  eps?: number | undefined;
  /** Whether backward holds the norm constant. Default false. */
  detachStd?: boolean | undefined;
}

/**
 * Options of instanceNorm: those of every norm, and the shape of a sample in the place of `size`.
 *
 * @typeParam D the dtype.
 */
export interface InstanceNormOptions<D extends DType = DType> extends Omit<StatsOptions<D>, "size"> {
  /** The channels of a sample: an integer, 1 or more. */
  channels: number;
  /** The elements of a channel, such as height x width: an integer, 1 or more. */
  spatial: number;
}

/**
 * Options of groupNorm: those of instanceNorm, and the number of groups.
 *
 * @typeParam D the dtype.
 */
export interface GroupNormOptions<D extends DType = DType> extends InstanceNormOptions<D> {
  /** Into how many groups of as many channels a sample falls: a divisor of `channels`. */
  groups: number;
}

/**
 * Options of adaNorm: those of every norm, and three for phi(z) = C (1 - k z), which multiplies z.
 *
 * @typeParam D the dtype.
 */
export interface AdaNormOptions<D extends DType = DType> extends StatsOptions<D> {
  /** C, the mean of phi over a row. Finite, more than 0. Default 1. */
  scale?: number | undefined;
  /** k in phi(z) = C (1 - k z). Finite, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Whether backward holds phi(z) constant, as the paper does. Default true; false differentiates it too. */
  detachScale?: boolean | undefined;
}
