/** Mutants, whatever made them, and those that no test can kill. */
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

/** A mutant that computes the same, or nothing that anybody could see, and why that is so. */
interface Equivalent extends Pick<Mutant, "file" | "mutator" | "original" | "within" | "replacement"> {
  reason: string;
}

const all: Equivalent[] = JSON.parse(readFileSync(new URL("equivalent.json", import.meta.url), "utf8"));
const KEYS = ["file", "mutator", "original", "within", "replacement"] as const;

/** The mutants, those that survived being told apart from the equivalent ones. */
export function withEquivalents(mutants: Mutant[]): Mutant[] {
  return mutants.map((mutant) => {
    const known = all.some((one) => KEYS.every((key) => one[key] === mutant[key]));
    return mutant.fate === "survived" && known ? { ...mutant, fate: "equivalent" } : mutant;
  });
}
