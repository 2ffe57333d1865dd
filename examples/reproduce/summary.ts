/**
 * From runs to figures: means and spreads over the seeds, paired differences, and how the gradients compare with the
 * theorem.
 */
import { competing, type NormName } from "./contenders.ts";
import { CLAIMS, type Claim, type PaperTask } from "./paper.ts";
import type { TaskName } from "./plans.ts";
import type { Result, Score } from "./result.ts";

/** A figure of a run, in its unit. */
interface Figure {
  unit: string;
  digits: number;
  of(score: Score): number;
}

interface Metric extends Figure {
  title: string;
  /** The task of the paper that is nearest. */
  paper: PaperTask;
  higherIsBetter: boolean;
  /** Another figure of the same runs. No claim is judged by it. */
  beside?: Figure;
}

/** A share in percent; a figure that a task does not have is no number. */
const percent = (share = Number.NaN) => 100 * share;

export const METRICS: Record<TaskName, Metric> = {
  mnist: {
    title: "MNIST",
    unit: "accuracy %",
    paper: "MNIST",
    digits: 2,
    higherIsBetter: true,
    of: ({ accuracy }) => percent(accuracy),
  },
  "moby-dick": {
    title: "Moby Dick",
    unit: "bits a character",
    paper: "Enwik-8",
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
    of: ({ accuracy }) => percent(accuracy),
  },
  ewt: {
    title: "EWT",
    unit: "unlabelled attachment %",
    paper: "PTB",
    digits: 2,
    higherIsBetter: true,
    of: ({ unlabelled }) => percent(unlabelled),
    beside: { unit: "labelled attachment %", digits: 2, of: ({ labelled }) => percent(labelled) },
  },
  atis: {
    title: "ATIS",
    unit: "BLEU, beam search",
    paper: "En-Vi",
    digits: 2,
    higherIsBetter: true,
    of: ({ bleu = Number.NaN }) => bleu,
    beside: { unit: "BLEU, greedy", digits: 2, of: ({ greedyBleu = Number.NaN }) => greedyBleu },
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
  /** The other figure, if the task has one. */
  beside?: Spread;
  /** Runs whose loss became NaN. */
  diverged: number;
}

function cellOf(task: TaskName, norm: NormName, results: readonly Result[]): Cell {
  const { of, beside } = METRICS[task];
  const runs = results.filter(({ settings }) => settings.task === task && settings.norm === norm);
  const scores = runs.flatMap(({ score }) => score ?? []);
  return {
    task,
    norm,
    diverged: runs.length - scores.length,
    ...(scores.length > 0 && { metric: spreadOf(scores.map(of)) }),
    ...(scores.length > 0 && beside && { beside: spreadOf(scores.map(beside.of)) }),
  };
}

/** The two-sided 95 % quantiles of Student's distribution, by degrees of freedom from 1. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

/** Clearly as claimed, clearly the reverse, or within the scatter of the seeds. */
export type Verdict = "yes" | "reversed" | "undecided";

export interface Comparison {
  claim: Claim;
  task: TaskName;
  /**
   * How much better the norm is that the paper calls better, seed by seed, in the unit of the task. Missing if in every seed
   * the loss of one of the two became NaN.
   */
  difference?: Spread;
  /** Seeds, and those in which it is better: a run whose loss is a number is better than one whose loss is none. */
  seeds: number;
  inFavour: number;
  /** Runs whose loss became NaN. */
  diverged: { better: number; worse: number };
  verdict: Verdict;
}

function verdictOf({ difference, seeds, diverged }: Omit<Comparison, "verdict">): Verdict {
  if (seeds > 1 && diverged.better + diverged.worse === seeds && diverged.better * diverged.worse === 0) {
    return diverged.worse === seeds ? "yes" : "reversed";
  }
  if (difference?.deviation === undefined) return "undecided";
  const { mean, deviation, count } = difference;
  const quantile = STUDENT[Math.min(count - 2, STUDENT.length - 1)] as number;
  if (Math.abs(mean) <= (quantile * deviation) / Math.sqrt(count)) return "undecided";
  return mean > 0 ? "yes" : "reversed";
}

function compare(claim: Claim, task: TaskName, results: readonly Result[]): Comparison | undefined {
  const { of, higherIsBetter } = METRICS[task];
  /** The figure of each seed; undefined if there is none. */
  const bySeed = (norm: NormName) =>
    new Map(
      results
        .filter(({ settings }) => settings.task === task && settings.norm === norm)
        .map(({ settings, score }) => [settings.seed, score && of(score)]),
    );
  const worse = bySeed(claim.worse);
  const pairs = [...bySeed(claim.better)].flatMap(([seed, value]) =>
    worse.has(seed) ? [{ better: value, worse: worse.get(seed) }] : [],
  );
  if (pairs.length === 0) return undefined;
  const differences = pairs.flatMap((pair) => {
    if (pair.better === undefined || pair.worse === undefined) return [];
    return [higherIsBetter ? pair.better - pair.worse : pair.worse - pair.better];
  });
  const diverged = {
    better: pairs.filter((pair) => pair.better === undefined).length,
    worse: pairs.filter((pair) => pair.worse === undefined).length,
  };
  const onlyWorse = pairs.filter((pair) => pair.worse === undefined && pair.better !== undefined).length;
  const found = {
    claim,
    task,
    ...(differences.length > 0 && { difference: spreadOf(differences) }),
    seeds: pairs.length,
    inFavour: differences.filter((value) => value > 0).length + onlyWorse,
    diverged,
  };
  return { ...found, verdict: verdictOf(found) };
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
    cells: tasks.flatMap((task) => competing(task, norms).map((norm) => cellOf(task, norm, results))),
    comparisons: CLAIMS.flatMap((claim) => tasks.flatMap((task) => compare(claim, task, results) ?? [])),
    gradients: norms.flatMap((norm) => gradientsOf(norm, results) ?? []),
  };
}
