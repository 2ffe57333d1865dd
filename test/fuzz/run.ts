/**
 * Random cases over the whole API: results within their bounds, the same bytes by every route, nothing else written to, and
 * hostile arguments refused.
 *
 *     npm run fuzz -- --cases 100000 --seed 1
 *     npm run fuzz -- --cases 100000 --threads 5    # 2 to 5 threads, which share every call and are ended at random
 *     npm run fuzz -- --seed 17 --path 88:0:1     # one case again, as the report of a failure names it
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, platform } from "node:os";
import { parseArgs } from "node:util";
import { replacePart } from "../../scripts/markdown.ts";
import { CHUNK, type Counts, fuzzChunk } from "./chunk.ts";
import { endThreads, useThreads } from "./threads.ts";

const USAGE = "usage: npm run fuzz -- [--cases N] [--seed N] [--threads N] [--path PATH] [--markdown FILE]";

interface Options {
  cases: number;
  seed: number;
  /** The most threads; 1: none but this one. */
  threads: number;
  path: string | undefined;
  markdown: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      cases: { type: "string", default: "20000" },
      seed: { type: "string", default: "1" },
      threads: { type: "string", default: "1" },
      path: { type: "string" },
      markdown: { type: "string" },
    },
  });
  const [cases, seed] = [Number(values.cases), Number(values.seed)];
  if (!(Number.isSafeInteger(cases) && cases > 0)) throw new Error(`--cases: expected a count, got ${values.cases}`);
  if (!(Number.isSafeInteger(seed) && seed >= 0)) throw new Error(`--seed: expected a number, got ${values.seed}`);
  const threads = Number(values.threads);
  if (!(Number.isSafeInteger(threads) && threads > 0))
    throw new Error(`--threads: expected a count, got ${values.threads}`);
  const { path, markdown } = values;
  // Checked before the cases, which take minutes: the file exists and has its markers.
  if (markdown !== undefined) replacePart(readFileSync(markdown, "utf8"), partOf(threads), "");
  return { cases, seed, threads, path, markdown };
}

/** The part of a page that has the results. */
function partOf(threads: number): string {
  return threads > 1 ? "fuzz-threads" : "fuzz";
}

function report({ cases, seed, threads }: Options, counts: Counts, seconds: number): string {
  const number = (value = 0) => value.toLocaleString("en");
  return (
    `${number(cases)} cases, seeds ${seed} to ${seed + Math.ceil(cases / CHUNK) - 1}, in ${Math.round(seconds / 60)} minutes: ` +
    `${number(counts.norm)} of forward and backward, ${number(counts.samples)} with a gain for each sample, ` +
    `${number(counts.channels)} with a gain for each channel, ${number(counts.rows)} of row reductions, ` +
    `${number(counts.matrix)} of conversions, ${number(counts.hostile)} of hostile arguments ` +
    `(${number(counts.refused)} refused, ${number(counts.taken)} as good as honest ones). ` +
    (threads > 1 ? `2 to ${threads} threads, ${number(counts.ended)} of which were ended at random. ` : "") +
    `None failed. ` +
    `Node ${process.versions.node}, ${cpus()[0]?.model ?? "unknown"}, ${platform()}; ${new Date().toISOString().slice(0, 10)}.`
  );
}

async function fuzz(options: Options): Promise<number> {
  const { cases, seed, threads, path, markdown } = options;
  const counts: Counts = {};
  const start = performance.now();
  let shown = start;
  for (let done = 0, chunk = 0; done < cases; done += CHUNK, chunk++) {
    if (threads > 1) await useThreads(seed + chunk, threads, counts);
    const failure = await fuzzChunk(seed + chunk, Math.min(CHUNK, cases - done), counts, path);
    if (failure !== undefined) {
      console.error(failure);
      return 1;
    }
    if (path !== undefined) break;
    const now = performance.now();
    if (now - shown < 10_000) continue;
    const left = ((now - start) * (cases - done - CHUNK)) / (done + CHUNK) / 1000;
    process.stderr.write(`${done + CHUNK} of ${cases} cases, ${Math.ceil(Math.max(left, 0))} s left\n`);
    shown = now;
  }
  endThreads();
  const text = report(options, counts, (performance.now() - start) / 1000);
  console.log(text);
  if (markdown !== undefined)
    writeFileSync(markdown, replacePart(readFileSync(markdown, "utf8"), partOf(threads), text));
  return 0;
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (options) process.exitCode = await fuzz(options);
