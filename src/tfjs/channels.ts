/** The norms over groups of channels. The kernels have the channels first, TensorFlow.js mostly has them last. */
import { type Tensor, tidy, transpose } from "@tensorflow/tfjs-core";
import { checkInteger, rangeError, typeError } from "../checks.js";
import { checkOptions } from "../names.js";
import type { ChannelNormName } from "../types.js";
import { resolveAxis } from "./axes.js";
import type { Batch } from "./batch.js";
import { checkParam, checkTensor, compute } from "./normalize.js";
import type { GroupNormOptions, InstanceNormOptions } from "./options.js";
import { GROUP_OP_OPTIONS, INSTANCE_OP_OPTIONS, savedSettingsOf } from "./settings.js";

const CHANNEL_AXIS = "an integer that is not the axis of the samples, 0";

/** Makes the checks of an axis of channels that need no shape. */
export function checkChannelAxis(call: string, axis: unknown): number {
  if (typeof axis !== "number") throw typeError(call, "axis", CHANNEL_AXIS, axis);
  if (!Number.isSafeInteger(axis) || axis === 0) throw rangeError(call, "axis", CHANNEL_AXIS, axis);
  return axis;
}

/** The axis of the channels, counted from the start. */
export function resolveChannelAxis(call: string, axis: number, shape: readonly (number | null)[]): number {
  if (shape.length < 2) {
    throw rangeError(call, "x", "an axis of samples and one of channels", `shape [${shape.map(String)}]`);
  }
  const [resolved] = resolveAxis(call, axis, shape.length) as [number];
  if (resolved === 0) throw rangeError(call, "axis", CHANNEL_AXIS, axis);
  return resolved;
}

/** Throws unless the channels can be divided into the groups. */
export function checkGroups(call: string, groups: unknown, channels: number): number {
  const count = checkInteger(call, "groups", groups, 1);
  if (channels % count !== 0) throw rangeError(call, "groups", `a divisor of ${channels} channels`, count);
  return count;
}

/** Checks all arguments of an op, and makes a batch of them for the tensor that has its channels first. */
function batchOf(name: ChannelNormName, x: Tensor, axis: number, options: Partial<GroupNormOptions>): Batch {
  const channels = x.shape[axis] as number;
  const samples = x.shape[0] as number;
  const spatial = x.shape.reduce((product, length, i) => (i === 0 || i === axis ? product : product * length), 1);
  if (channels * spatial === 0) throw rangeError(name, "x", "1 or more elements in each sample", `shape [${x.shape}]`);
  const groups = name === "instanceNorm" ? channels : checkGroups(name, options.groups, channels);
  return {
    settings: savedSettingsOf(name, name, options),
    rows: samples * groups,
    size: (channels / groups) * spatial,
    channels: { channels, groups, spatial },
    x,
    gain: checkParam(name, "gain", options.gain, [channels]),
    bias: checkParam(name, "bias", options.bias, [channels]),
  };
}

/** Runs an op: checks its arguments, and computes it. If the channels are not first, transposes x before and the result after. */
export function normalizeChannels<T extends Tensor>(
  name: ChannelNormName,
  x: T,
  options: GroupNormOptions | InstanceNormOptions,
): T {
  checkOptions(name, "options", options, name === "groupNorm" ? GROUP_OP_OPTIONS : INSTANCE_OP_OPTIONS);
  const tensor = checkTensor(name, "x", x);
  const axis = resolveChannelAxis(name, checkChannelAxis(name, options.axis ?? 1), tensor.shape);
  const batch = batchOf(name, tensor, axis, options);
  if (axis === 1) return compute(batch) as T;
  const others = [...tensor.shape.keys()].filter((one) => one !== 0 && one !== axis);
  const order = [0, axis, ...others];
  const back = order.map((_, one) => order.indexOf(one));
  return tidy(() => transpose(compute({ ...batch, x: transpose(tensor, order) }), back)) as T;
}
