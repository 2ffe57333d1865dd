/** What is measured: the kernels, and beside them the loop that people write themselves. */
import { type Kernels, loadSync, type RowStats } from "adanorm";
import { plainBackward, plainForward, plainMoments } from "./plain.ts";

export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm";

/** Options of any norm, none left out. */
export interface Options {
  size: number;
  eps: number;
  epsAt: "variance" | "std";
  ddof: 0 | 1;
  scale: number;
  k: number;
  detachScale: boolean;
}

export interface Params {
  gain?: Float32Array;
  bias?: Float32Array;
}

export interface Gradients {
  dx: Float32Array;
  dGain?: Float32Array | undefined;
  dBias?: Float32Array | undefined;
}

export interface Subject {
  /** Whether rstd is a double, so that 1 / rstd^2 with eps = 0 is the variance that the norm went by. */
  readonly showsVariance: boolean;
  moments(x: Float32Array, size: number, ddof: 0 | 1): { mean: Float64Array; variance: Float64Array };
  forward(norm: NormName, x: Float32Array, options: Options, params?: Params): RowStats & { y: Float32Array };
  /** Where params are given, dGain and dBias too. */
  backward(
    norm: NormName,
    dy: Float32Array,
    x: Float32Array,
    stats: RowStats,
    options: Options,
    params?: Params,
  ): Gradients;
}

export function kernelsSubject(kernels: Kernels = loadSync()): Subject {
  return {
    showsVariance: true,
    moments: (x, size, ddof) => kernels.rows(size).moments(x, { ddof }),
    forward: (norm, x, options, params) => kernels[norm](options).forward(x, params),
    backward: (norm, dy, x, stats, options, params) => {
      return kernels[norm](options).backward(dy, x, stats, params) as Gradients;
    },
  };
}

export const plainSubject: Subject = {
  showsVariance: false,
  moments: plainMoments,
  forward: plainForward,
  backward: plainBackward,
};
