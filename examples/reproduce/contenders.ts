/** What is compared, by name, and what the paper says of it. */

/** adaNorm's C and k in phi(z) = C (1 - k z), and what is added to the variance. */
export const SCALE = 1;
export const K = 1 / 10;
export const EPS = 1e-5;

/** In the order of the paper. */
export const NORMS = [
  "none",
  "layerNorm",
  "layerNormSimple",
  "detachMean",
  "detachStd",
  "detachNorm",
  "adaNorm",
] as const;

export type NormName = (typeof NORMS)[number];

/**
 * What the paper proves of dL/dx, dz being dL/dz: its mean over a row is 0 or mean(dz) / sigma, its variance at most or
 * exactly var(dz) / sigma^2.
 */
export interface Theorem {
  mean: "zero" | "kept";
  variance: "bounded" | "kept";
}

export interface Contender {
  title: string;
  /** Has it a gain and a bias to be trained? */
  affine: boolean;
  /** Missing where there is no norm. */
  theorem?: Theorem;
  colour: string;
}

export const CONTENDERS: Record<NormName, Contender> = {
  none: { title: "w/o norm", affine: false, colour: "#8a8f98" },
  layerNorm: {
    title: "LayerNorm",
    affine: true,
    theorem: { mean: "zero", variance: "bounded" },
    colour: "#3566c8",
  },
  layerNormSimple: {
    title: "LayerNorm-simple",
    affine: false,
    theorem: { mean: "zero", variance: "bounded" },
    colour: "#2f9e6e",
  },
  detachMean: {
    title: "mean detached",
    affine: false,
    theorem: { mean: "kept", variance: "bounded" },
    colour: "#9350d8",
  },
  detachStd: {
    title: "std detached",
    affine: false,
    theorem: { mean: "zero", variance: "kept" },
    colour: "#14a3b8",
  },
  detachNorm: {
    title: "DetachNorm",
    affine: false,
    theorem: { mean: "kept", variance: "kept" },
    colour: "#e0523f",
  },
  adaNorm: {
    title: "AdaNorm",
    affine: false,
    theorem: { mean: "zero", variance: "bounded" },
    colour: "#d99a00",
  },
};
