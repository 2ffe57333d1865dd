/** The six networks that are compared: one without a norm, and one for each norm of the package. */
import type { Kernels, Norm } from "adanorm";
import type { NormName } from "adanorm/reference";

/** adaNorm's C and k in phi(z) = C (1 - k z). */
export const SCALE = 1;
export const K = 1 / 10;

/** What is added to the variance: the same in the kernels, in plain JavaScript and in the oracle. */
export const EPS = 1e-5;

/** What backward holds constant. */
export interface Held {
  detachMean?: boolean;
  detachStd?: boolean;
}

/** One way of normalising the hidden layer. */
export interface NormChoice {
  name: Exclude<NormName, "l2Norm">;
  /** Has it a gain and a bias to be trained? */
  affine: boolean;
  /** The norm on our kernels, for rows of `size` elements. detachNorm holds both constant in any case. */
  make(kernels: Kernels, size: number, held?: Held): Norm;
  /**
   * What the paper proves of dL/dx, with dz = dL/dz: its mean over a row is 0, or mean(dz) / sigma; its variance is at
   * most, or exactly, var(dz) / sigma^2. Undefined where it proves nothing.
   */
  theorem?: { mean: "zero" | "kept"; variance: "bounded" | "kept" };
}

/** The five norms, in the order of the paper. */
export const NORMS: readonly NormChoice[] = [
  {
    name: "layerNorm",
    affine: true,
    make: (kernels, size, held) => kernels.layerNorm({ size, eps: EPS, ...held }),
    theorem: { mean: "zero", variance: "bounded" },
  },
  {
    name: "layerNormSimple",
    affine: false,
    make: (kernels, size, held) => kernels.layerNormSimple({ size, eps: EPS, ...held }),
    theorem: { mean: "zero", variance: "bounded" },
  },
  {
    name: "detachNorm",
    affine: false,
    make: (kernels, size) => kernels.detachNorm({ size, eps: EPS }),
    theorem: { mean: "kept", variance: "kept" },
  },
  {
    name: "adaNorm",
    affine: false,
    make: (kernels, size, held) => kernels.adaNorm({ size, eps: EPS, ...held, scale: SCALE, k: K }),
    theorem: { mean: "zero", variance: "bounded" },
  },
  {
    name: "rmsNorm",
    affine: true,
    make: (kernels, size, held) => kernels.rmsNorm({ size, eps: EPS, ...held }),
  },
];
