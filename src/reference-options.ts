/** The options of the reference, and what they say of rows, gain and bias. */
import type { ChannelNormName, DType, NormName } from "./types.js";

/** The options of all norms, with the same meanings and defaults as in `Kernels`, and gain, bias, residual and dSum. */
export interface ReferenceOptions {
  /** H, the length of one row: an integer, 1 or more. */
  size: number;
  /**
   * Added to the variance, or to the standard deviation (see `epsAt`): 0 or more. Default 1e-5. In l2Norm the least norm, default
   * 1e-12.
   */
  eps?: number | undefined;
  /** Where eps is added: sigma = sqrt(var + eps), or sqrt(var) + eps. Default "variance", the first. No effect in l2Norm. */
  epsAt?: "variance" | "std" | undefined;
  /** Is subtracted from H in the variance: 0 or 1. Default 0. No effect in rmsNorm and l2Norm. */
  ddof?: 0 | 1 | undefined;
  /** Whether backward holds the mean constant. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Whether backward holds the standard deviation constant. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
  /** adaNorm's C: more than 0. Default 1. */
  scale?: number | undefined;
  /** adaNorm's k: 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Whether backward holds adaNorm's C (1 - k z) constant. Default true. */
  detachScale?: boolean | undefined;
  /** layerNorm's and rmsNorm's gain, `size` numbers, or as many for each of several samples, as in `Params`. Default: all 1. */
  gain?: ArrayLike<number> | undefined;
  /** layerNorm's and rmsNorm's bias, as many numbers as gain. Default: all 0. */
  bias?: ArrayLike<number> | undefined;
  /** Added to x before the norm, `rows x size` numbers. Default: none. */
  residual?: ArrayLike<number> | undefined;
  /** Added to dx, `rows x size` numbers. Default: none. */
  dSum?: ArrayLike<number> | undefined;
  /** The storage to which x + residual is rounded before it is normalised. Default `"f32"`. */
  dtype?: DType | undefined;
  /** Elements from row to row in x, dy, residual and dSum. Default: size. Results are always contiguous. */
  rowStride?: number | undefined;
}

/** The same for groupNorm and instanceNorm, which have the shape of a sample in the place of `size`. */
export interface ReferenceChannelOptions extends Omit<ReferenceOptions, "size"> {
  /** The channels of a sample. gain and bias have as many elements. */
  channels: number;
  /** The groups of channels of a sample: a divisor of channels. instanceNorm does not read it. */
  groups?: number | undefined;
  /** The elements of a channel. */
  spatial: number;
}

/** @internal The options with the length of a row, which groupNorm and instanceNorm are given by the shape of a sample. */
export interface Sized extends ReferenceOptions {
  channels?: Channels;
}

/** @internal */
export interface Channels {
  channels: number;
  groups: number;
  spatial: number;
}

/** @internal */
export function sized(norm: NormName | ChannelNormName, options: ReferenceOptions | ReferenceChannelOptions): Sized {
  if ("size" in options) return options;
  const { channels, spatial, groups = channels, ...others } = options;
  const shape = { channels, spatial, groups: norm === "instanceNorm" ? channels : groups };
  return { ...others, size: (channels / shape.groups) * spatial, channels: shape };
}

/** @internal Where the gain and the bias of an element are among the given ones, and how many these are. */
export function paramsOf(rows: number, { size, gain, bias, channels: shape }: Sized) {
  if (shape) {
    const { channels, groups, spatial } = shape;
    const inRow = channels / groups;
    const at = (row: number, column: number) => (row % groups) * inRow + Math.floor(column / spatial);
    return { at, length: channels };
  }
  const length = (gain ?? bias)?.length ?? size;
  const rowsPerGain = (rows * size) / length;
  return { at: (row: number, column: number) => Math.floor(row / rowsPerGain) * size + column, length };
}
