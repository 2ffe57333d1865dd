/** What is compared, by name, and what the paper says of it. */

import type { TaskName } from "./plans.ts";

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
  "adaNorm2",
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
  /** C, if it is an AdaNorm. */
  scale?: number;
  /** The only task in which it competes. */
  only?: TaskName;
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
    scale: SCALE,
    theorem: { mean: "zero", variance: "bounded" },
    colour: "#d99a00",
  },
  // The C of the authors' program for translation.
  adaNorm2: {
    title: "AdaNorm, C = 2",
    affine: false,
    scale: 2,
    only: "atis",
    theorem: { mean: "zero", variance: "bounded" },
    colour: "#7a4a12",
  },
};

/** The norms that compete in a task. */
export function competing(task: TaskName, norms: readonly NormName[]): NormName[] {
  return norms.filter((norm) => (CONTENDERS[norm].only ?? task) === task);
}
