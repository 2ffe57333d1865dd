/** The types that all ways to compute a norm share. */
import type { Rank, Tensor } from "@tensorflow/tfjs-core";
import type { AnyName, Channels, Settings } from "../options.js";

/** A norm to compute. x can have any rank; it holds `rows` rows of `size` elements. */
export interface Batch {
  settings: Settings<AnyName>;
  rows: number;
  size: number;
  x: Tensor;
  /** The shape of a sample whose channels come first, and whose rows are groups of channels. Undefined for other norms. */
  channels: Channels | undefined;
  /** gain and bias, if given, have `size` elements each, or one for each channel. */
  gain: Tensor | undefined;
  bias: Tensor | undefined;
}

/** The gradients, in the shapes of x, gain and bias. Those of gain and bias exist if the batch has gain and bias. */
export interface Gradients {
  dx: Tensor;
  dGain: Tensor | undefined;
  dBias: Tensor | undefined;
}

/** The result of a forward pass. */
export interface Pass {
  y: Tensor<Rank>;
  /** Tensors that backward needs besides those of the batch. The caller must keep them. */
  saved: Tensor[];
  /**
   * Computes the gradients.
   *
   * @param batch the batch of the forward pass, or one with clones of its tensors.
   * @param saved the `saved` of this pass, or clones of them.
   */
  backward(dy: Tensor, batch: Batch, saved: Tensor[]): Gradients;
}

/** A way to compute norms with the kernels. */
export interface Route {
  /** @param taped whether backward may follow, so that statistics must be kept. */
  forward(batch: Batch, taped: boolean): Pass;
  /** @param stats mean and rstd of each row, as forward found them. */
  backward(dy: Tensor, batch: Batch, stats: Stats): Gradients;
}

/** The statistics of each row, in double precision. They are in no backend, so they need no disposal. */
export interface Stats {
  mean: Float64Array;
  rstd: Float64Array;
}
