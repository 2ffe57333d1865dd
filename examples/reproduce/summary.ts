/**
 * From runs to figures: means and spreads over the seeds, paired differences, and how the gradients compare with the
 * theorem.
 */
import type { NormName } from "./contenders.ts";
import { CLAIMS, type Claim, PAPER, type PaperTask } from "./paper.ts";
import type { TaskName } from "./plans.ts";
import type { Result } from "./result.ts";

interface Metric {
  title: string;
  unit: string;
  /** The task of the paper whose figures are shown beside it. */
  paper?: PaperTask;
  digits: number;
  higherIsBetter: boolean;
  of(score: { loss: number; accuracy: number }): number;
}

export const METRICS: Record<TaskName, Metric> = {
  mnist: {
    title: "MNIST",
    unit: "accuracy %",
    paper: "MNIST",
    digits: 2,
    higherIsBetter: true,
    of: ({ accuracy }) => 100 * accuracy,
  },
  "moby-dick": {
    title: "Moby Dick",
    unit: "bits a character",
    digits: 3,
    higherIsBetter: false,
    of: ({ loss }) => loss / Math.LN2,
  },
  brown: {
    title: "Brown",
    unit: "accuracy %",
    paper: "RT",
    digits: 2,
    higherIsBetter: true,
    of: ({ accuracy }) => 100 * accuracy,
  },
};

/** Over the seeds. The deviation is that of a sample; a single seed has none. */
export interface Spread {
  mean: number;
  deviation?: number;
  count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

export interface Cell {
  task: TaskName;
  norm: NormName;
  /** Missing if every run ended with a loss of NaN. */
  metric?: Spread;
  /** Runs whose loss became NaN. */
  diverged: number;
  paper?: number;
}

function cellOf(task: TaskName, norm: NormName, results: readonly Result[]): Cell {
  const { of, paper } = METRICS[task];
  const runs = results.filter(({ settings }) => settings.task === task && settings.norm === norm);
  const values = runs.flatMap(({ score }) => (score ? [of(score)] : []));
  const published = paper && PAPER[paper][norm];
  return {
    task,
    norm,
    diverged: runs.length - values.length,
    ...(values.length > 0 && { metric: spreadOf(values) }),
    ...(published !== undefined && { paper: published }),
  };
}

/** The two-sided 95 % quantiles of Student's distribution, by degrees of freedom from 1. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

/** Clearly as claimed, clearly the reverse, or within the scatter of the seeds. */
export type Verdict = "yes" | "reversed" | "undecided";

export interface Comparison {
  claim: Claim;
  task: TaskName;
  /** How much better the norm is that the paper calls better, seed by seed, in the unit of the task. */
  difference: Spread;
  /** Seeds in which it is better. */
  inFavour: number;
  verdict: Verdict;
}

function verdictOf({ mean, deviation, count }: Spread): Verdict {
  if (deviation === undefined) return "undecided";
  const quantile = STUDENT[Math.min(count - 2, STUDENT.length - 1)] as number;
  if (Math.abs(mean) <= (quantile * deviation) / Math.sqrt(count)) return "undecided";
  return mean > 0 ? "yes" : "reversed";
}

function compare(claim: Claim, task: TaskName, results: readonly Result[]): Comparison | undefined {
  const { of, higherIsBetter } = METRICS[task];
  const bySeed = (norm: NormName) =>
    new Map(
      results
        .filter(({ settings }) => settings.task === task && settings.norm === norm)
        .flatMap(({ settings, score }) => (score ? [[settings.seed, of(score)]] : [])),
    );
  const worse = bySeed(claim.worse);
  const differences = [...bySeed(claim.better)].flatMap(([seed, value]) => {
    const other = worse.get(seed);
    return other === undefined ? [] : [higherIsBetter ? value - other : other - value];
  });
  if (differences.length === 0) return undefined;
  const difference = spreadOf(differences);
  const inFavour = differences.filter((value) => value > 0).length;
  return { claim, task, difference, inFavour, verdict: verdictOf(difference) };
}

/** Real gradients of one norm, over all tasks, seeds and places, each row counting the same. */
export interface Gradients {
  norm: NormName;
  rows: number;
  /** Rows that obey the theorem. */
  obeying: number;
  /** Means over the rows of |mean(dx)| and var(dx), in units of their values if backward subtracted nothing. */
  mean: number;
  variance: number;
}

function gradientsOf(norm: NormName, results: readonly Result[]): Gradients | undefined {
  const sites = results.filter(({ settings }) => settings.norm === norm).flatMap(({ gradients }) => gradients);
  const rows = sites.reduce((sum, site) => sum + site.rows, 0);
  if (rows === 0) return undefined;
  // Gradients differ by orders of magnitude between sites, so each site has its own unit.
  const over = (value: (site: (typeof sites)[number]) => number) =>
    sites.reduce((sum, site) => sum + site.rows * value(site), 0) / rows;
  return {
    norm,
    rows,
    obeying: Math.round(over(({ holds }) => holds) * rows),
    mean: over(({ mean, keptMean }) => mean / keptMean),
    variance: over(({ variance, keptVariance }) => variance / keptVariance),
  };
}

export interface Summary {
  cells: Cell[];
  comparisons: Comparison[];
  gradients: Gradients[];
}

export function summarize(tasks: readonly TaskName[], norms: readonly NormName[], results: readonly Result[]): Summary {
  return {
    cells: tasks.flatMap((task) => norms.map((norm) => cellOf(task, norm, results))),
    comparisons: CLAIMS.flatMap((claim) => tasks.flatMap((task) => compare(claim, task, results) ?? [])),
    gradients: norms.flatMap((norm) => gradientsOf(norm, results) ?? []),
  };
}
