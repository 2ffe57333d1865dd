/**
 * Measures the errors of the kernels and of the plain loop, and fails if the kernels miss a bound.
 *
 *   tsx test/accuracy/run.ts [--quick] [--markdown FILE] [--family NAME] [--seed SEED]
 *
 * The tables go to stdout, progress to stderr, everything to out/accuracy.json beside this file.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { replacePart } from "../../scripts/markdown.ts";
import { FAMILIES } from "./families.ts";
import type { Measurement } from "./measure.ts";
import { DEFAULT_SEED, describeViolation, perform, planFor, REDUCTION_SIZES, violations } from "./plan.ts";
import { measureReductions, missedReductions } from "./reductions.ts";
import { json, reductionTable, searchTable, tables } from "./report.ts";
import { describeFound, FULL_SEARCH, GOAL_COUNT, QUICK_SEARCH, search } from "./search.ts";

const OUT = new URL("out/", import.meta.url);
const USAGE = "usage: npm run accuracy -- [--quick] [--markdown FILE] [--family NAME] [--seed SEED]";

/** An error in the command line, printed without a stack. */
class UsageError extends Error {}

function readOptions() {
  let values: { quick: boolean; markdown?: string; family?: string; seed: string; help: boolean };
  try {
    ({ values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        markdown: { type: "string" },
        family: { type: "string" },
        seed: { type: "string", default: DEFAULT_SEED },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { quick, markdown, family, seed, help } = values;
  const families = FAMILIES.filter(({ name }) => family === undefined || name === family);
  if (families.length === 0) {
    throw new UsageError(`--family: expected one of ${FAMILIES.map(({ name }) => name).join("; ")}; got ${family}`);
  }
  let document: string | undefined;
  if (markdown !== undefined) {
    // Checked before the measuring, which takes minutes: the file exists and has its markers.
    try {
      document = readFileSync(markdown, "utf8");
      replacePart(document, "accuracy", "");
    } catch (error) {
      throw new UsageError(`--markdown ${markdown}: ${(error as Error).message}`);
    }
  }
  return { quick, markdown, document, families, seed, help };
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

function main(): number {
  const { quick, markdown, families, seed, help } = readOptions();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const tasks = families.flatMap((family) => planFor(family, quick));
  const cost = ({ size, rows }: { size: number; rows: number }) => rows * (size + 30);
  const total = tasks.reduce((sum, task) => sum + cost(task), 0);
  const measurements: Measurement[] = [];
  const start = performance.now();
  let done = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  for (const task of tasks) {
    const now = performance.now();
    if (now - shownAt > 1000) {
      const left = done > 0 ? `, ${Math.ceil(((now - start) * (total - done)) / done / 1000)} s left` : "";
      progress(`${Math.round((100 * done) / total)} %${left}: ${task.family.name}, H = ${task.size}`);
      shownAt = now;
    }
    measurements.push(perform(task, seed));
    done += cost(task);
  }
  // If one family was chosen, everything that belongs to no family is left out.
  const all = families.length === FAMILIES.length;
  const reduced = (all ? REDUCTION_SIZES : []).map((size) => {
    progress(`row reductions, H = ${size}`);
    return measureReductions(size, quick ? 2000 : 20_000, seed);
  });
  const found = Array.from({ length: all ? GOAL_COUNT : 0 }, (_, index) => {
    progress(`search ${index + 1} of ${GOAL_COUNT}`);
    return search(index, quick ? QUICK_SEARCH : FULL_SEARCH, seed);
  });
  const seconds = (performance.now() - start) / 1000;
  progress(`measured in ${seconds.toFixed(1)} s\n`);

  const text = [tables(measurements), ...(all ? [searchTable(found), reductionTable(reduced)] : [])].join("\n\n");
  console.log(text);
  const module = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.resolve("adanorm/wasm"))));
  const about = {
    date: new Date().toISOString(),
    machine: `${cpus()[0]?.model ?? "unknown"}, ${platform()} ${arch()}`,
    node: process.version,
    module: module.digest("hex"),
    quick,
    seed,
    seconds,
  };
  mkdirSync(OUT, { recursive: true });
  writeFileSync(new URL("accuracy.json", OUT), json(measurements, { ...about, search: found, reductions: reduced }));
  // Read again, because it may have been edited in the meantime.
  if (markdown !== undefined) writeFileSync(markdown, replacePart(readFileSync(markdown, "utf8"), "accuracy", text));

  const missed = [
    ...measurements.flatMap(violations).map(describeViolation),
    ...reduced.flatMap(missedReductions),
    ...found.filter(({ value, bound }) => !(value <= bound)).map(describeFound),
  ];
  if (missed.length === 0) return 0;
  console.error(`\n${missed.length} bounds exceeded:`);
  for (const one of missed) console.error(`  ${one}`);
  return 1;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
