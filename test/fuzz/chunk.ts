/** Cases in thousands. Dropped matrices are collected in between, and a failure is reported so that it can be repeated. */
import fc from "fast-check";
import { type Case, cases } from "./cases.ts";
import { checkCase } from "./check.ts";
import { programOf } from "./program.ts";

/** Cases of one seed. */
export const CHUNK = 1000;

export type Counts = Record<string, number>;

/**
 * Checks a number of cases of a seed.
 *
 * @param path of one failed case, to repeat it.
 * @returns what failed, in words and as a program.
 */
export async function fuzzChunk(
  seed: number,
  count: number,
  counts: Counts,
  path?: string,
): Promise<string | undefined> {
  const property = fc.property(cases, (each) => {
    const [kind, outcome] = checkCase(each);
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (outcome) counts[outcome] = (counts[outcome] ?? 0) + 1;
  });
  const details = fc.check(property, { numRuns: count, seed, ...(path !== undefined && { path }) });
  if (details.failed) {
    const [each] = details.counterexample as [Case];
    const { message } = details.errorInstance as Error;
    return [
      `seed ${seed}, path ${details.counterexamplePath}: ${message}`,
      `npm run fuzz -- --seed ${seed} --path ${details.counterexamplePath}`,
      JSON.stringify(each),
      "",
      programOf(each, message),
    ].join("\n");
  }
  // Finalizers run when the event loop turns.
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  return undefined;
}
