/** The figures of a soak, as Markdown. */
import { cpus, platform } from "node:os";
import { markdownTable } from "../../scripts/markdown.ts";
import type { Counts } from "./actions.ts";
import { ALLOWED, QUANTITIES, type Quantity, type Sample, trendOf } from "./samples.ts";

const NAMES: Readonly<Record<Quantity, string>> = {
  heapUsed: "JavaScript heap",
  external: "memory outside it",
  arrayBuffers: "array buffers",
  rss: "resident set",
  linear: "linear memory of the three instances",
  unaccounted: "`memory.used` beyond what is held",
};

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)}`;

export function table(samples: readonly Sample[]): string {
  const lines = QUANTITIES.map((quantity) => {
    const { middle, last, most } = trendOf(samples, quantity);
    const grown = `${last >= middle ? "+" : "-"}${mib(Math.abs(last - middle))}`;
    return [NAMES[quantity], ...[middle, last].map(mib), grown, mib(ALLOWED[quantity]), mib(most)];
  });
  const head = ["MiB, after collection", "middle third", "last third", "growth", "allowed", "most"];
  return markdownTable(head, lines, (column) => column > 0);
}

export function aboutRun(run: { minutes: number; seed: string; actions: number; counts: Counts }): string {
  const { minutes, seed, actions, counts } = run;
  const count = (name: string) => (counts[name] ?? 0).toLocaleString("en");
  return (
    `${minutes} minutes, seed \`${seed}\`, ${actions.toLocaleString("en")} actions: ${count("matrices")} matrices, ` +
    `${count("calls")} calls on arrays and matrices, ${count("references")} batches against the reference, ` +
    `${count("instances")} instances, ${count("exhausted")} calls out of memory and ${count("nearly exhausted")} next to it. ` +
    `Node ${process.versions.node}, ${cpus()[0]?.model ?? "unknown"}, ${platform()}; ${new Date().toISOString().slice(0, 10)}.`
  );
}
