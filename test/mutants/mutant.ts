/** Mutants from either tool, and those that no test can kill. */
import { readFileSync } from "node:fs";

/**
 * "invalid": it does not compile. "static": it is in code that runs once, when its module is loaded, and is not tried.
 * "untried": it is not in the sample.
 */
export type Fate = "killed" | "survived" | "equivalent" | "invalid" | "static" | "untried";

export interface Mutant {
  /** From the root: "src/norm.ts". */
  file: string;
  /** Counted from 1. */
  line: number;
  /** The kind of change. */
  mutator: string;
  /** The text that was replaced, and the line that it is in, without the space around it. */
  original: string;
  within: string;
  replacement: string;
  fate: Fate;
}

/** A mutant whose results are the same, or differ in a way that nobody can see, with the reason. */
interface Equivalent extends Pick<Mutant, "file" | "mutator" | "original" | "within" | "replacement"> {
  reason: string;
}

const all: Equivalent[] = JSON.parse(readFileSync(new URL("equivalent.json", import.meta.url), "utf8"));
const KEYS = ["file", "mutator", "original", "within", "replacement"] as const;

/** The mutants, with survivors separated from equivalent ones. */
export function withEquivalents(mutants: Mutant[]): Mutant[] {
  return mutants.map((mutant) => {
    const known = all.some((one) => KEYS.every((key) => one[key] === mutant[key]));
    return mutant.fate === "survived" && known ? { ...mutant, fate: "equivalent" } : mutant;
  });
}
