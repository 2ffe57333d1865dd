/**
 * The benchmarks: adanorm beside its peers. Prints every figure and what became of the targets; writes JSON and a chart.
 *
 *   --quick            fewer sizes; under a minute
 *   --only PATTERN     the cases whose name the regular expression matches, "startup" being one
 *   --rounds N         rounds a case, 9 or more (default 15; quick: 9)
 *   --json FILE        where the figures go (default bench/out/bench.json); the chart goes beside it
 *   --from FILE        the figures of an earlier run, instead of measuring
 *   --markdown FILE    puts the table between the markers of this file
 *   --assert           fail where a target was missed
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { allCases, LARGE, ON_24 } from "./cases.ts";
import { chart } from "./chart.ts";
import { measure } from "./measure.ts";
import { NODE_24, PeerProcess } from "./process.ts";
import { about, caseTable, insertMarkdown, startUpTable, targetTable } from "./report.ts";
import type { Result } from "./result.ts";
import { measureStartUp } from "./startup.ts";

const LEAST_ROUNDS = 9;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    json: { type: "string", default: fileURLToPath(new URL("out/bench.json", import.meta.url)) },
    from: { type: "string" },
    markdown: { type: "string" },
    assert: { type: "boolean", default: false },
  },
});

interface Program {
  node: string;
  file: string;
  variant?: string;
}

const here = process.execPath;
const PROGRAMS: Record<string, Program> = {
  adanorm: { node: here, file: "adanorm" },
  copy: { node: here, file: "copy" },
  plain: { node: here, file: "plain" },
  converting: { node: here, file: "converting" },
  tfjs: { node: here, file: "tfjs" },
  "adanorm/tfjs": { node: here, file: "tfjs", variant: "adanorm" },
  "onnxruntime-node": { node: here, file: "onnxruntime-node" },
  "onnxruntime-web": { node: here, file: "onnxruntime-web" },
  [ON_24.adanorm]: { node: NODE_24, file: "adanorm" },
  [ON_24.relaxed]: { node: NODE_24, file: "adanorm", variant: "relaxed" },
  [ON_24.copy]: { node: NODE_24, file: "copy" },
};

/** Starts the peers; what keeps one from running is kept in its place. */
async function startAll(names: Set<string>, result: Result): Promise<Map<string, PeerProcess | string>> {
  const started = new Map<string, PeerProcess | string>();
  for (const name of names) {
    const { node, file, variant } = PROGRAMS[name] as Program;
    try {
      if (!existsSync(node)) throw new Error("Node 24 is not installed");
      const { process, about } = await PeerProcess.start(node, file, variant);
      started.set(name, process);
      if (node === NODE_24) result.node24 = about.node;
      else if (!["copy", "plain", "converting"].includes(file) && !variant) result.versions[name] = about.version;
    } catch (error) {
      started.set(name, (error as Error).message);
    }
  }
  return started;
}

async function run(rounds: number): Promise<Result> {
  const result: Result = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${type()} ${release()}`,
    node: process.versions.node,
    node24: undefined,
    versions: {},
    rounds,
    cases: [],
    startUp: {},
  };
  const pattern = new RegExp(options.only ?? "");
  const cases = allCases(options.quick).filter(({ id }) => pattern.test(id));
  const names = new Set(cases.flatMap(({ contenders }) => ["adanorm", ...contenders.map(({ peer }) => peer)]));
  const peers = await startAll(names, result);
  try {
    for (const one of cases) {
      const turns = one.rows * one.size > LARGE ? LEAST_ROUNDS : rounds;
      const found = await measure(one, (name) => peers.get(name) ?? `no peer ${name}`, turns);
      result.cases.push(found);
      console.log(`${caseTable(found)}\n`);
    }
  } finally {
    for (const peer of peers.values()) if (typeof peer !== "string") peer.close();
  }
  if (pattern.test("startup")) {
    const { startUp, notes } = await measureStartUp(options.quick ? 5 : LEAST_ROUNDS);
    result.startUp = startUp;
    console.log([startUpTable(result), ...notes, ""].join("\n"));
  }
  return result;
}

const start = performance.now();
const rounds = Math.max(LEAST_ROUNDS, Number(options.rounds ?? (options.quick ? LEAST_ROUNDS : 15)) || 0);
const result: Result = options.from ? JSON.parse(readFileSync(options.from, "utf8")) : await run(rounds);
if (!options.from) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(result)}\n`);
}
const svg = chart(result);
if (svg) writeFileSync(`${(options.from ?? options.json).replace(/\.json$/, "")}.svg`, svg);
if (options.markdown) insertMarkdown(options.markdown, result);

const { text, missed } = targetTable(result);
console.log(`${text}\n\n${about(result)}`);
console.log(`medians of ${result.rounds} interleaved rounds, ${Math.round((performance.now() - start) / 1000)} s`);
if (options.assert && missed > 0) process.exitCode = 1;
