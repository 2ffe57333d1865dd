/**
 * Adam (Kingma and Ba, 2015), in plain JavaScript on copies of weights and gradients: one loop for each variable.
 * TensorFlow.js's own Adam takes a dozen operators, which cost more than the training step itself.
 */
import * as tf from "@tensorflow/tfjs-core";

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;

interface State {
  variable: tf.Variable;
  weights: Float32Array;
  /** Running means of the gradient and of its square. */
  first: Float32Array;
  second: Float32Array;
}

export class Adam {
  readonly #states: State[];
  #steps = 0;

  constructor(variables: readonly tf.Variable[]) {
    this.#states = variables.map((variable) => ({
      variable,
      weights: Float32Array.from(variable.dataSync()),
      first: new Float32Array(variable.size),
      second: new Float32Array(variable.size),
    }));
  }

  /** @param gradients by the names of the variables. */
  step(gradients: Record<string, tf.Tensor>, learningRate: number): void {
    this.#steps++;
    const correction = Math.sqrt(1 - BETA_2 ** this.#steps);
    const rate = (learningRate * correction) / (1 - BETA_1 ** this.#steps);
    const epsilon = EPSILON * correction;
    for (const { variable, weights, first, second } of this.#states) {
      const gradient = gradients[variable.name]?.dataSync() as Float32Array;
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i] as number;
        const m = BETA_1 * (first[i] as number) + (1 - BETA_1) * g;
        const v = BETA_2 * (second[i] as number) + (1 - BETA_2) * g * g;
        first[i] = m;
        second[i] = v;
        weights[i] = (weights[i] as number) - (rate * m) / (Math.sqrt(v) + epsilon);
      }
      // A copy, because the engine may keep the array that it gets.
      tf.tidy(() => variable.assign(tf.tensor(weights.slice(), variable.shape)));
    }
  }
}
