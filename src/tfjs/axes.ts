/** Norms over any axes. Layers of TensorFlow.js can name any axes, but the ops normalise the last ones. */
import { reshape, type Tensor, transpose } from "@tensorflow/tfjs-core";
import { checkInteger, rangeError, typeError } from "../checks.js";

/** The `axis` argument of layers: one axis or several. Negative ones count from the end. */
export type Axis = number | number[];

/** Makes the checks that need no shape. */
export function checkAxis(call: string, axis: unknown): Axis {
  const all = Array.isArray(axis) ? axis : [axis];
  for (const one of all) {
    if (typeof one !== "number") throw typeError(call, "axis", "an integer or an array of integers", axis);
    if (!Number.isSafeInteger(one)) throw rangeError(call, "axis", "an integer or an array of integers", one);
  }
  if (all.length === 0) throw rangeError(call, "axis", "1 axis or more", axis);
  return axis as Axis;
}

/** The last `axes` axes, as negative numbers. */
export function lastAxes(call: string, axes: unknown): Axis {
  checkInteger(call, "axes", axes, 1);
  return Array.from({ length: axes as number }, (_, i) => i - (axes as number));
}

/** Converts axes to numbers that count from the start, for a tensor of a given rank. Keeps their order. */
export function resolveAxis(call: string, axis: Axis, rank: number): number[] {
  const resolved = (Array.isArray(axis) ? axis : [axis]).map((one) => (one < 0 ? one + rank : one));
  const text = `[${axis}]`;
  if (resolved.some((one) => one < 0 || one >= rank)) throw rangeError(call, "axis", `axes of a rank of ${rank}`, text);
  if (new Set(resolved).size < resolved.length) throw rangeError(call, "axis", "axes that differ", text);
  return resolved;
}

/** An op over the last `axes` axes. gain and bias have the shape of these axes. */
type Op = (x: Tensor, axes: number, gain: Tensor | undefined, bias: Tensor | undefined) => Tensor;

/** Applies an op over the given axes. If they are not the last ones, transposes x before and the result after. */
export function overAxes(
  x: Tensor,
  axes: number[],
  gain: Tensor | undefined,
  bias: Tensor | undefined,
  op: Op,
): Tensor {
  const sorted = [...axes].sort((a, b) => a - b);
  const shape = sorted.map((axis) => x.shape[axis] as number);
  // If the axes are named in another order than their own, gain and bias are reshaped, not transposed, as in TensorFlow.js.
  const inShape = (param: Tensor | undefined) => (param && axes.length > 1 ? reshape(param, shape) : param);
  const count = sorted.length;
  if (sorted[0] === x.rank - count) return op(x, count, inShape(gain), inShape(bias));
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(sorted);
  const back = order.map((_, axis) => order.indexOf(axis));
  return transpose(op(transpose(x, order), count, inShape(gain), inShape(bias)), back);
}
