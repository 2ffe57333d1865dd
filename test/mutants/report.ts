/** The results of the mutants, in tables. */
import { markdownTable } from "../../scripts/markdown.ts";
import type { Mutant } from "./mutant.ts";

/** The share of the mutants that can be killed which the tests must kill. */
export const TARGETS = { src: 0.92, assembly: 0.95 } as const;

export interface Score {
  killed: number;
  survived: number;
  equivalent: number;
}

export function scoreOf(mutants: Mutant[]): Score {
  const count = (fate: Mutant["fate"]) => mutants.filter((one) => one.fate === fate).length;
  return { killed: count("killed"), survived: count("survived"), equivalent: count("equivalent") };
}

/** The killed mutants as a share of those that can be killed. */
export function shareOf({ killed, survived }: Score): number {
  return killed / (killed + survived);
}

const percent = (share: number) => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(1)} %`);

/** A line for each folder of the project, or each file. */
export function table(mutants: Mutant[], nameOf: (mutant: Mutant) => string): string {
  const names = [...new Set(mutants.filter(({ fate }) => fate !== "untried").map(nameOf))].sort();
  const lines = names.map((name) => {
    const score = scoreOf(mutants.filter((one) => nameOf(one) === name));
    return [name, ...[score.killed, score.survived, score.equivalent].map(String), percent(shareOf(score))];
  });
  return markdownTable(
    ["mutants of", "killed", "survived", "equivalent", "killed, of valid ones"],
    lines,
    (i) => i > 0,
  );
}

export function describeMutant({ file, line, mutator, within, original, replacement }: Mutant): string {
  return `${file}:${line}: ${mutator}\n    ${within}\n  - ${original}\n  + ${replacement}`;
}
