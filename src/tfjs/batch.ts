/** What the ways of computing a norm have in common: a batch of rows comes in, gradients come out. */
import type { Rank, Tensor } from "@tensorflow/tfjs-core";
import type { Settings } from "../options.js";

/** A norm to be computed: `rows` rows of `size` elements in x, whatever its rank. */
export interface Batch {
  settings: Settings;
  rows: number;
  size: number;
  x: Tensor;
  /** `size` elements each, where there are any. */
  gain: Tensor | undefined;
  bias: Tensor | undefined;
}

/** In the shapes of x, gain and bias; the last two where the batch has them. */
export interface Gradients {
  dx: Tensor;
  dGain: Tensor | undefined;
  dBias: Tensor | undefined;
}

/** What a forward pass leaves. */
export interface Pass {
  y: Tensor<Rank>;
  /** Tensors that backward needs beside those of the batch, for the caller to keep. */
  saved: Tensor[];
  /**
   * The gradients for a batch of the same tensors, or of clones of them.
   *
   * @param saved as above, or clones of them.
   */
  backward(dy: Tensor, batch: Batch, saved: Tensor[]): Gradients;
}

/** A way to compute norms by the kernels. */
export interface Route {
  /** @param taped whether backward may follow. */
  forward(batch: Batch, taped: boolean): Pass;
  /** @param stats mean and rstd of each row, as forward found them. */
  backward(dy: Tensor, batch: Batch, stats: Stats): Gradients;
}

/** One number a row, in double precision, outside of every backend: they are gone with the gradient that holds them. */
export interface Stats {
  mean: Float64Array;
  rstd: Float64Array;
}
