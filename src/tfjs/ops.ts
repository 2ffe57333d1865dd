/** The norms as ops on tensors. */
import type { Tensor } from "@tensorflow/tfjs-core";
import { normalizeChannels } from "./channels.js";
import { normalize } from "./normalize.js";
import type {
  AdaNormOptions,
  AffineNormOptions,
  GroupNormOptions,
  InstanceNormOptions,
  L2NormOptions,
  NormOptions,
} from "./options.js";

/**
 * Layer normalization over the last axes: gain (x - mean) / sigma + bias.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link AffineNormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws TypeError if an argument is of the wrong kind, or a tensor is not float32 or is disposed; RangeError if a value
 * or shape is out of range.
 */
export function layerNorm<T extends Tensor>(x: T, options: AffineNormOptions = {}): T {
  return normalize("layerNorm", x, options);
}

/**
 * Layer normalization without gain and bias: (x - mean) / sigma.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link NormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function layerNormSimple<T extends Tensor>(x: T, options: NormOptions = {}): T {
  return normalize("layerNormSimple", x, options);
}

/**
 * The same as {@link layerNormSimple}, but the gradient holds mean and standard deviation constant.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link NormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function detachNorm<T extends Tensor>(x: T, options: NormOptions = {}): T {
  return normalize("detachNorm", x, options);
}

/**
 * AdaNorm: C (1 - k z) z, where z = (x - mean) / sigma.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link AdaNormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function adaNorm<T extends Tensor>(x: T, options: AdaNormOptions = {}): T {
  return normalize("adaNorm", x, options);
}

/**
 * RMS normalization: gain x / sigma + bias, where sigma = sqrt(mean(x^2) + eps).
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link AffineNormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function rmsNorm<T extends Tensor>(x: T, options: AffineNormOptions = {}): T {
  return normalize("rmsNorm", x, options);
}

/**
 * Unit vectors over the last axes: x / max(|x|, eps), where |x| = sqrt(sum x^2). The gradient holds the divisor constant where it
 * is eps.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 1 or more.
 * @param options see {@link L2NormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function l2Norm<T extends Tensor>(x: T, options: L2NormOptions = {}): T {
  return normalize("l2Norm", x, options);
}

/**
 * Group normalization: gain (x - mean) / sigma + bias, where mean and sigma are those of a group of channels of one sample, and gain and
 * bias have an element for each channel.
 *
 * @typeParam T the type of x and of the result.
 * @param x a float32 tensor of rank 2 or more. The first axis is that of the samples. The channels are the second axis, or that which
 * the option `axis` names; axes other than the second take two transpositions.
 * @param options see {@link GroupNormOptions}; groups is required.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}; also RangeError if groups does not divide the number of channels.
 */
export function groupNorm<T extends Tensor>(x: T, options: GroupNormOptions): T {
  return normalizeChannels("groupNorm", x, options);
}

/**
 * Instance normalization: {@link groupNorm} with a group for each channel.
 *
 * @typeParam T the type of x and of the result.
 * @param x as for {@link groupNorm}.
 * @param options see {@link InstanceNormOptions}; all optional.
 * @returns a float32 tensor of the shape of x.
 * @throws the same errors as {@link layerNorm}.
 */
export function instanceNorm<T extends Tensor>(x: T, options: InstanceNormOptions = {}): T {
  return normalizeChannels("instanceNorm", x, options);
}
