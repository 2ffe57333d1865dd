/** What a run leaves behind, and the figures that are taken from it. */

/** Nanoseconds a call in each round, by contender: "adanorm layerNorm". */
export type Series = Record<string, number[]>;

export interface CaseResult {
  id: string;
  rows: number;
  size: number;
  series: Series;
  /** What was left out, and why. */
  notes: string[];
}

/** Milliseconds in fresh processes, one number each. */
export interface StartUp {
  /** Importing the package. */
  import: number[];
  /** From there to the first result. */
  first: number[];
}

/** What sets a peer apart besides its speed. */
export interface Traits {
  /** What a page loads for it, compressed; undefined for what comes with the page itself. */
  bytes: number | undefined;
  /** The largest error of layerNorm, by the mean of the rows in standard deviations. */
  errors: Record<string, number>;
}

export interface Result {
  date: string;
  machine: string;
  node: string;
  /** Of the second engine, where there is one. */
  node24: string | undefined;
  versions: Record<string, string>;
  rounds: number;
  cases: CaseResult[];
  startUp: Record<string, StartUp>;
  traits: Record<string, Traits>;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] as number;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function seriesOf(result: Result, id: string, name: string): number[] | undefined {
  return result.cases.find((one) => one.id === id)?.series[name];
}

/** How many times as long as `below` it takes: the median of the rounds, each of which had both. */
export function ratio(above: number[] | undefined, below: number[] | undefined): number | undefined {
  if (!above || !below) return undefined;
  return median(above.map((value, round) => value / (below[round] as number)));
}
