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
  /** The line before that. */
  after: string;
  replacement: string;
  fate: Fate;
}

/** Both counted from 0. */
export interface Position {
  line: number;
  column: number;
}

/** What is said of a mutant that lies between two positions of a text. */
export function placeIn(
  text: string,
  start: Position,
  end: Position,
): Pick<Mutant, "line" | "original" | "within" | "after"> {
  const lines = text.split("\n");
  const offset = ({ line, column }: Position) =>
    lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, 0) + column;
  return {
    line: start.line + 1,
    original: text.slice(offset(start), offset(end)),
    within: (lines[start.line] as string).trim(),
    after: (lines[start.line - 1] ?? "").trim(),
  };
}

/** Mutants of one line that compute the same, or nothing that anybody could see, and why that is so. */
interface Equivalent {
  /** The line, in whatever file it is if none is named, and behind whatever line. */
  within: string;
  file?: string;
  after?: string;
  /** `original` may be left out where the other two tell enough. */
  mutants: (Pick<Mutant, "mutator" | "replacement"> & { original?: string })[];
  reason: string;
}

const all: Equivalent[] = JSON.parse(readFileSync(new URL("equivalent.json", import.meta.url), "utf8"));

/** Whether it is in the list of those that no test can kill. */
export function isListed({
  file,
  within,
  after,
  mutator,
  original,
  replacement,
}: Omit<Mutant, "fate" | "line">): boolean {
  return all.some(
    (line) =>
      line.within === within &&
      (line.file === undefined || line.file === file) &&
      (line.after === undefined || line.after === after) &&
      line.mutants.some(
        (one) =>
          one.mutator === mutator &&
          one.replacement === replacement &&
          (one.original === undefined || one.original === original),
      ),
  );
}

/** The mutants, those that survived being told apart from the equivalent ones. */
export function withEquivalents(mutants: Mutant[]): Mutant[] {
  return mutants.map((mutant) =>
    mutant.fate === "survived" && isListed(mutant) ? { ...mutant, fate: "equivalent" } : mutant,
  );
}

/** Lines of the list in which none of the mutants survived: they are there no more, or a test kills what is in them. */
export function staleEquivalents(mutants: Mutant[]): string[] {
  const survivors = new Set(mutants.filter(({ fate }) => fate === "equivalent").map(({ within }) => within));
  return all.map(({ within }) => within).filter((within) => !survivors.has(within));
}
