import type { DType } from "./elements.js";

/** The norms, by the names that they have in Kernels. */
export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm";

/** Options that every norm takes. Those that are left out, or undefined, have the defaults named here. */
export interface StatsOptions {
  /** H, the length of one row. An integer, 1 or more. */
  size: number;
  /** Added to the variance, or to the standard deviation (see `epsAt`). Finite, 0 or more. Default 1e-5. */
  eps?: number | undefined;
  /**
   * Where eps is added. `"variance"` (default): sigma = sqrt(var + eps), as in the paper, PyTorch and ONNX.
   * `"std"`: sigma = sqrt(var) + eps, as in the paper's code.
   */
  epsAt?: "variance" | "std" | undefined;
  /**
   * What is subtracted from H in the variance: 0 (default; the paper, PyTorch) or 1 (the paper's code, torch.std).
   * rmsNorm has no variance: there it changes nothing.
   */
  ddof?: 0 | 1 | undefined;
  /** Hold the mean constant in backward. Default false; true for detachNorm. */
  detachMean?: boolean | undefined;
  /** Hold the standard deviation constant in backward. Default false; true for detachNorm. */
  detachStd?: boolean | undefined;
  /**
   * How x, y, dy and dx are stored, and whatever else is of their shape. Default `"f32"`. gain and bias may be of this type
   * or f32; their gradients are f32.
   */
  dtype?: DType | undefined;
}

/** Options of adaNorm: those of every norm, and the three of phi, what z is multiplied by. */
export interface AdaNormOptions extends StatsOptions {
  /** C, the mean of phi over a row. Finite, more than 0. Default 1. */
  scale?: number | undefined;
  /** k in phi(z) = C (1 - k z). Finite, 0 or more. Default 1/10. */
  k?: number | undefined;
  /** Hold phi(z) constant in backward, as the paper does. Default true; false differentiates it too. */
  detachScale?: boolean | undefined;
}
