/** The common part of all ops: checks, the choice between kernels and operators, and the gradient. */
import { customGrad, engine, type GradSaveFunc, type Rank, Tensor, tidy } from "@tensorflow/tfjs-core";
import { describe, rangeError } from "../checks.js";
import { checkOptions } from "../names.js";
import { type AnyName, hasParams } from "../options.js";
import type { NormName } from "../types.js";
import type { Batch, Gradients, Pass } from "./batch.js";
import { backwardByOps, backwardOnTape, forwardByOps, withTensors } from "./composed.js";
import type { AdaNormOptions, AffineNormOptions } from "./options.js";
import { currentRoute } from "./routes.js";
import { checkAxes, OP_OPTIONS, savedSettingsOf } from "./settings.js";

/** Throws unless the value is a float32 tensor that is not disposed. */
export function checkTensor(call: string, argument: string, value: unknown): Tensor {
  const refuse = (got: string) => new TypeError(`${call}: ${argument}: expected a float32 tensor, got ${got}`);
  if (!(value instanceof Tensor)) throw refuse(describe(value));
  if (value.isDisposed) throw refuse("a disposed one");
  if (value.dtype !== "float32") throw refuse(`one of ${value.dtype}`);
  return value;
}

/** Takes an optional gain or bias, which must have the given shape. */
export function checkParam(call: AnyName, argument: string, value: unknown, shape: number[]): Tensor | undefined {
  if (value === undefined || value === null) return undefined;
  if (!hasParams(call)) {
    throw new TypeError(
      `${call}: ${argument}: expected none, as ${call} has no gain and no bias, got ${describe(value)}`,
    );
  }
  const tensor = checkTensor(call, argument, value);
  const same = tensor.rank === shape.length && shape.every((length, axis) => tensor.shape[axis] === length);
  if (!same) throw rangeError(call, argument, `shape [${shape}]`, `[${tensor.shape}]`);
  return tensor;
}

/** Checks all arguments of an op, and makes a batch of them. */
function batchOf(name: NormName, x: unknown, options: AffineNormOptions & AdaNormOptions): Batch {
  checkOptions(name, "options", options, OP_OPTIONS);
  const { axes: axesGiven, gain: gainGiven, bias: biasGiven } = options;
  const settings = savedSettingsOf(name, name, options);
  const tensor = checkTensor(name, "x", x);
  const axes = checkAxes(name, axesGiven ?? 1, tensor.rank);
  const shape = tensor.shape.slice(-axes);
  const size = shape.reduce((product, length) => product * length, 1);
  if (size === 0)
    throw rangeError(name, "x", `1 or more elements in the last ${axes} of its axes`, `shape [${tensor.shape}]`);
  const gain = checkParam(name, "gain", gainGiven, shape);
  const bias = checkParam(name, "bias", biasGiven, shape);
  return { settings, rows: tensor.size / size, size, channels: undefined, x: tensor, gain, bias };
}

/** Computes forward with the kernels if they have a route, otherwise with operators. */
function forward(batch: Batch, taped: boolean): Pass {
  const route = currentRoute();
  if (!route) return forwardByOps(batch);
  const pass = route.forward(batch, taped);
  return {
    ...pass,
    backward(dy, again, saved) {
      // The backend may have changed since forward.
      const now = currentRoute();
      if (!now) return backwardByOps(dy, again);
      return now === route ? pass.backward(dy, again, saved) : forwardAndBackward(dy, again);
    },
  };
}

/** Computes backward on another route than forward: repeats the forward pass there first. */
function forwardAndBackward(dy: Tensor, batch: Batch): Gradients {
  const { y, saved, backward } = forward(batch, true);
  y.dispose();
  return backward(dy, batch, saved);
}

/** Runs an op over the last axes: checks its arguments, and computes it. */
export function normalize<T extends Tensor>(name: NormName, x: T, options: AffineNormOptions & AdaNormOptions): T {
  return compute(batchOf(name, x, options)) as T;
}

/** Computes a batch, and registers its gradient with TensorFlow.js. */
export function compute(batch: Batch): Tensor {
  if (!engine().isTapeOn()) return tidy(() => forward(batch, false).y);
  const inputs = [batch.x, batch.gain, batch.bias].filter((tensor) => tensor !== undefined);
  const differentiable = customGrad((...args: (Tensor | GradSaveFunc)[]) => {
    const save = args.at(-1) as GradSaveFunc;
    const pass = forward(batch, true);
    save([...inputs, ...pass.saved]);
    return {
      value: pass.y,
      gradFunc(dy: Tensor<Rank>, kept: Tensor[]) {
        const again = withTensors(batch, kept.slice(0, inputs.length));
        // If a tape is on during the gradient, a gradient of this gradient will follow.
        const gradients = engine().isTapeOn()
          ? backwardOnTape(dy, again)
          : pass.backward(dy, again, kept.slice(inputs.length));
        return [gradients.dx, gradients.dGain, gradients.dBias].filter((tensor) => tensor !== undefined);
      },
    };
  });
  return differentiable(...inputs);
}
