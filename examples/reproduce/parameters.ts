/** The trained parameters of one model, and the sites of its norms. */
import * as tf from "@tensorflow/tfjs-core";
import { normals, type Random } from "../digits/random.ts";
import { CONTENDERS, type NormName } from "./contenders.ts";
import { APPLY } from "./norms.ts";

/** The operation of a norm at its site. */
export type Site = (x: tf.Tensor) => tf.Tensor;

/** Observes the sites: it gets the input of each site and the operation there, and returns the result. */
export type Observer = (site: string, x: tf.Tensor, axes: number, norm: Site, gain?: tf.Tensor) => tf.Tensor;

export class Parameters {
  readonly variables: tf.Variable[] = [];
  observer: Observer | undefined;
  #sites = 0;

  /** @param random draws the initial weights. They are the same for every norm, because norms draw none. */
  constructor(
    readonly norm: NormName,
    readonly random: Random,
  ) {}

  #variable<R extends tf.Rank>(values: Float32Array, shape: number[]): tf.Tensor<R> {
    const variable = tf.variable(tf.tensor(values, shape));
    this.variables.push(variable);
    return variable as unknown as tf.Tensor<R>;
  }

  /** Normally distributed weights of the given deviation. */
  weights<R extends tf.Rank>(shape: number[], deviation: number): tf.Tensor<R> {
    return this.#variable<R>(normals(this.random, tf.util.sizeFromShape(shape), deviation), shape);
  }

  constant(shape: number[], value: number): tf.Tensor {
    return this.#variable(new Float32Array(tf.util.sizeFromShape(shape)).fill(value), shape);
  }

  /** x w + b. The weights are scaled so that the result is as large as the input (`gain` 2 if a ReLU follows). */
  dense(inputs: number, outputs: number, gain = 1): (x: tf.Tensor) => tf.Tensor2D {
    const w = this.weights<tf.Rank.R2>([inputs, outputs], Math.sqrt(gain / inputs));
    const b = this.constant([outputs], 0);
    return (x) => tf.add(tf.matMul(x as tf.Tensor2D, w), b);
  }

  /** A site for the norm, over the last axes of the input, which have this shape. */
  site(...shape: number[]): Site {
    const apply = APPLY[this.norm];
    const { affine } = CONTENDERS[this.norm];
    const name = `norm ${++this.#sites}`;
    if (!apply) return (x) => x;
    const gain = affine ? this.constant(shape, 1) : undefined;
    const bias = affine ? this.constant(shape, 0) : undefined;
    const axes = shape.length;
    const norm: Site = (x) => apply(x, axes, gain, bias);
    return (x) => (this.observer ? this.observer(name, x, axes, norm, gain) : norm(x));
  }
}
