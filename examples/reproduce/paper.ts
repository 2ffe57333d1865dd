/** The paper's results: accuracies in percent, from its tables. */
import type { NormName } from "./contenders.ts";

export type PaperTask = "MNIST" | "RT";

export const PAPER: Record<PaperTask, Partial<Record<NormName, number>>> = {
  MNIST: { none: 99.14, layerNorm: 99.13, layerNormSimple: 99.09, detachNorm: 99.1, adaNorm: 99.35 },
  RT: { none: 76.85, layerNorm: 77.21, layerNormSimple: 76.66, detachNorm: 76.4, adaNorm: 77.5 },
};

/** What the paper says about one norm compared with another. */
export interface Claim {
  text: string;
  better: NormName;
  worse: NormName;
}

export const CLAIMS: readonly Claim[] = [
  { text: "LayerNorm is better than no norm", better: "layerNorm", worse: "none" },
  {
    text: "gain and bias do harm: LayerNorm-simple is better than LayerNorm",
    better: "layerNormSimple",
    worse: "layerNorm",
  },
  {
    text: "the gradients of mean and std matter: DetachNorm is worse than LayerNorm-simple",
    better: "layerNormSimple",
    worse: "detachNorm",
  },
  { text: "the mean's gradient matters: detaching the mean is worse", better: "layerNormSimple", worse: "detachMean" },
  { text: "the std's gradient matters: detaching the std is worse", better: "layerNormSimple", worse: "detachStd" },
  {
    text: "the std's gradient matters more: detaching the std is worse than detaching the mean",
    better: "detachMean",
    worse: "detachStd",
  },
  { text: "AdaNorm is better than LayerNorm", better: "adaNorm", worse: "layerNorm" },
];
