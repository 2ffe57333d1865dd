/** Norms over any axes: TensorFlow.js's layers name them as they like, the ops take the last ones. */
import { reshape, type Tensor, transpose } from "@tensorflow/tfjs-core";
import { checkInteger, rangeError, typeError } from "../checks.js";

/** Axes as layers are given them: one or several, those below 0 counted from the end. */
export type Axis = number | number[];

/** Checks what can be checked before a shape is known. */
export function checkAxis(call: string, axis: unknown): Axis {
  const all = Array.isArray(axis) ? axis : [axis];
  for (const one of all) {
    if (typeof one !== "number") throw typeError(call, "axis", "an integer or an array of integers", axis);
    if (!Number.isSafeInteger(one)) throw rangeError(call, "axis", "an integer or an array of integers", one);
  }
  if (all.length === 0) throw rangeError(call, "axis", "1 axis or more", axis);
  return axis as Axis;
}

/** The last `axes` axes. */
export function lastAxes(call: string, axes: unknown): Axis {
  checkInteger(call, "axes", axes, 1);
  return Array.from({ length: axes as number }, (_, i) => i - (axes as number));
}

/** The axes of a tensor of a rank, in the order in which they are named, counted from the start. */
export function resolveAxis(call: string, axis: Axis, rank: number): number[] {
  const resolved = (Array.isArray(axis) ? axis : [axis]).map((one) => (one < 0 ? one + rank : one));
  const text = `[${axis}]`;
  if (resolved.some((one) => one < 0 || one >= rank)) throw rangeError(call, "axis", `axes of a rank of ${rank}`, text);
  if (new Set(resolved).size < resolved.length) throw rangeError(call, "axis", "axes that differ", text);
  return resolved;
}

/** An op over the last axes: of how many, and with gain and bias in their shape. */
type Op = (x: Tensor, axes: number, gain: Tensor | undefined, bias: Tensor | undefined) => Tensor;

/** Applies an op over some axes; where they are not the last ones, to a transpose. */
export function overAxes(
  x: Tensor,
  axes: number[],
  gain: Tensor | undefined,
  bias: Tensor | undefined,
  op: Op,
): Tensor {
  const sorted = [...axes].sort((a, b) => a - b);
  const shape = sorted.map((axis) => x.shape[axis] as number);
  // Named in another order than they lie in, as TensorFlow.js does: the elements of gain and bias stay in theirs.
  const inShape = (param: Tensor | undefined) => (param && axes.length > 1 ? reshape(param, shape) : param);
  const count = sorted.length;
  if (sorted[0] === x.rank - count) return op(x, count, inShape(gain), inShape(bias));
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(sorted);
  const back = order.map((_, axis) => order.indexOf(axis));
  return transpose(op(transpose(x, order), count, inShape(gain), inShape(bias)), back);
}
