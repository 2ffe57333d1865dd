/** The layer of group normalization, with the arguments of Keras'. */
import { serialization, type Tensor } from "@tensorflow/tfjs-core";
import type { Shape } from "@tensorflow/tfjs-layers";
import { rangeError, typeError } from "../checks.js";
import { AffineNormLayer, type AffineNormLayerArgs } from "./affine-layers.js";
import { checkChannelAxis, checkGroups, normalizeChannels, resolveChannelAxis } from "./channels.js";
import { onlyShape } from "./layer.js";

/** Arguments of GroupNorm. All may be left out. */
export interface GroupNormLayerArgs extends Omit<AffineNormLayerArgs, "axis" | "axes"> {
  /**
   * The groups that the channels are divided into: a divisor of their number. -1: a group for each channel, which is instance
   * normalization. Default 32.
   */
  groups?: number | undefined;
  /**
   * The axis of the channels, other than 0. Negative ones count from the end. Default -1: channels last. Axes other than 1 take two
   * transpositions.
   */
  axis?: number | undefined;
}

/** What stands for a group for each channel, in Keras too. */
const EACH = -1;

function checkGroupsArgument(call: string, groups: unknown): number {
  const expected = "an integer >= 1, or -1 for a group for each channel";
  if (typeof groups !== "number") throw typeError(call, "groups", expected, groups);
  if (groups !== EACH && (!Number.isSafeInteger(groups) || groups < 1))
    throw rangeError(call, "groups", expected, groups);
  return groups;
}

/**
 * Group normalization, with the arguments and the defaults of Keras' GroupNormalization: gamma (x - mean) / sigma + beta, where mean
 * and sigma are those of a group of channels of one sample. Weights: gamma, beta, with an element for each channel.
 */
export class GroupNorm extends AffineNormLayer {
  /** The name in saved models. */
  static readonly className: string = "GroupNorm";
  /** The number of groups; -1 if there is one for each channel. */
  readonly groups: number;

  /**
   * @param args see {@link GroupNormLayerArgs}; all optional. epsilon: default 1e-3, as in Keras.
   * @throws TypeError if an argument is of the wrong kind; RangeError if one is out of range.
   */
  constructor(args: GroupNormLayerArgs = {}) {
    const { groups, ...others } = args;
    super("GroupNorm", "groupNorm", others, { center: true, epsilon: 1e-3 });
    checkChannelAxis("GroupNorm", this.axis);
    this.groups = checkGroupsArgument("GroupNorm", groups ?? 32);
  }

  /** The arguments that make the same layer again. */
  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.groups };
  }

  /** @internal */
  protected override normalise(x: Tensor, gain: Tensor | undefined, bias: Tensor | undefined): Tensor {
    const { name: _name, ...options } = this.settings;
    const axis = this.axis as number;
    if (this.groups === EACH) return normalizeChannels("instanceNorm", x, { ...options, axis, gain, bias });
    return normalizeChannels("groupNorm", x, { ...options, axis, groups: this.groups, gain, bias });
  }

  /** @internal The number of channels, which gamma and beta have as many elements as. */
  protected override normalisedShape(inputShape: Shape | Shape[]): number[] {
    const call = this.getClassName();
    resolveChannelAxis(call, this.axis as number, onlyShape(inputShape));
    const [channels] = super.normalisedShape(inputShape) as [number];
    if (this.groups !== EACH) checkGroups(call, this.groups, channels);
    return [channels];
  }
}

serialization.registerClass(GroupNorm);
