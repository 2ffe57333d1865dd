/** The paper's results, from its tables, which the authors' poster has too (adanorm_poster.pdf in their repository, lancopku/AdaNorm). */
import type { NormName } from "./contenders.ts";

/** Enwik-8 in bits a character, the translations in BLEU, PTB in percent of unlabelled attachment, the others in percent. */
export const PAPER_TASKS = ["MNIST", "Enwik-8", "RT", "SST5", "PTB", "En-De", "De-En", "En-Vi"] as const;

export type PaperTask = (typeof PAPER_TASKS)[number];

/** The norms that the paper compares, in all its tasks. */
type Published = Record<"none" | "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm", number | "diverges">;

export const PAPER: Record<PaperTask, Published> = {
  MNIST: { none: 99.14, layerNorm: 99.13, layerNormSimple: 99.09, detachNorm: 99.1, adaNorm: 99.35 },
  "Enwik-8": { none: 1.04, layerNorm: 1.07, layerNormSimple: 1.07, detachNorm: 1.12, adaNorm: 1.07 },
  RT: { none: 76.85, layerNorm: 77.21, layerNormSimple: 76.66, detachNorm: 76.4, adaNorm: 77.5 },
  SST5: { none: 38.55, layerNorm: 39.23, layerNormSimple: 40.54, detachNorm: 40.04, adaNorm: 40.54 },
  PTB: { none: 88.31, layerNorm: 89.12, layerNormSimple: 89.19, detachNorm: 89.79, adaNorm: 89.23 },
  "En-De": { none: "diverges", layerNorm: 28.3, layerNormSimple: 28.4, detachNorm: "diverges", adaNorm: 28.5 },
  "De-En": { none: 34.0, layerNorm: 35.5, layerNormSimple: 35.5, detachNorm: 33.9, adaNorm: 35.6 },
  "En-Vi": { none: 28.4, layerNorm: 31.2, layerNormSimple: 31.6, detachNorm: 27.7, adaNorm: 31.4 },
};

/** Digits after the point in the paper's tables. */
export const paperDigits = (task: PaperTask) => (task.includes("-") && task !== "Enwik-8" ? 1 : 2);

export function published(task: PaperTask, norm: NormName): number | "diverges" | undefined {
  // The paper has one AdaNorm in each task.
  const name = norm === "adaNorm2" ? "adaNorm" : norm;
  return name in PAPER[task] ? PAPER[task][name as keyof Published] : undefined;
}

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
  { text: "AdaNorm with C = 2 is better than LayerNorm", better: "adaNorm2", worse: "layerNorm" },
];
