/**
 * The benchmarks: adanorm beside its peers. Prints every figure and what became of the targets; writes JSON and a chart.
 *
 *   --quick            fewer sizes; under three minutes
 *   --only PATTERN     the cases whose name the regular expression matches, "startup" and "traits" among them
 *   --peers A,B        these peers alone, beside adanorm itself; adanorm, copy, native, plain and tuned need no installation
 *   --rounds N         rounds a case, 9 or more (default 15; quick: 9)
 *   --json FILE        where the figures go (default bench/out/bench.json); the chart goes beside it
 *   --from FILE        the figures of an earlier run, instead of measuring
 *   --markdown FILE    puts the tables between the markers of this file: README.md, docs/benchmarks.md or docs/threads.md
 *   --publish          keeps the figures in bench/figures.json, and makes the README's picture and all tables but those of threads;
 *                      with --only, of these cases alone, and leaves the others as they are
 *   --assert           fail where a target was missed
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { allCases, LARGE, ON_24, ON_TWO } from "./cases.ts";
import { chart } from "./chart.ts";
import { install } from "./install.ts";
import { measure } from "./measure.ts";
import { NODE_24, PeerProcess } from "./process.ts";
import { joined, publish, published } from "./publish.ts";
import { about, caseTable, insertMarkdown, paysTable, startUpTable, targetTable, traitsTable } from "./report.ts";
import type { Result } from "./result.ts";
import { measureStartUp, START_UP } from "./startup.ts";
import { measureTraits, WITH_TRAITS } from "./traits.ts";

const LEAST_ROUNDS = 9;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string" },
    json: { type: "string", default: fileURLToPath(new URL("out/bench.json", import.meta.url)) },
    from: { type: "string" },
    markdown: { type: "string" },
    publish: { type: "boolean", default: false },
    assert: { type: "boolean", default: false },
  },
});

interface Program {
  node: string;
  file: string;
  variant?: string;
  /** Needs what install.ts installs. */
  installed?: true;
}

const here = process.execPath;
const PROGRAMS: Record<string, Program> = {
  adanorm: { node: here, file: "adanorm" },
  [ON_TWO.adanorm]: { node: here, file: "adanorm", variant: "threads" },
  [ON_TWO.apart]: { node: here, file: "apart" },
  kernel: { node: here, file: "kernel" },
  copy: { node: here, file: "copy" },
  native: { node: here, file: "native" },
  native128: { node: here, file: "native", variant: "narrow" },
  plain: { node: here, file: "plain" },
  tuned: { node: here, file: "tuned" },
  converting: { node: here, file: "converting" },
  tfjs: { node: here, file: "tfjs", installed: true },
  "adanorm/tfjs": { node: here, file: "tfjs", variant: "adanorm", installed: true },
  "jax-js": { node: here, file: "jax-js", installed: true },
  "onnxruntime-node": { node: here, file: "onnxruntime-node", installed: true },
  "onnxruntime-web": { node: here, file: "onnxruntime-web", installed: true },
  [ON_24.adanorm]: { node: NODE_24, file: "adanorm", installed: true },
  [ON_24.relaxed]: { node: NODE_24, file: "adanorm", variant: "relaxed", installed: true },
  [ON_24.copy]: { node: NODE_24, file: "copy", installed: true },
};
/** Those that are no one's package: their version says nothing, or is adanorm's. */
const UNVERSIONED = ["kernel", "apart", "copy", "plain", "tuned", "converting"];

const chosen = options.peers?.split(",").map((name) => name.trim());
for (const name of chosen ?? []) {
  if (!(name in PROGRAMS)) throw new Error(`--peers: no peer ${name}; there are ${Object.keys(PROGRAMS).join(", ")}`);
}
const isChosen = (name: string) => chosen?.includes(name) ?? true;

/** Starts the peers; says which do not run. */
async function startAll(names: Set<string>, result: Result): Promise<Map<string, PeerProcess>> {
  const started = new Map<string, PeerProcess>();
  for (const name of names) {
    const { node, file, variant } = PROGRAMS[name] as Program;
    try {
      if (!existsSync(node)) throw new Error("Node 24 is not installed");
      const { process, about } = await PeerProcess.start(node, file, variant);
      started.set(name, process);
      if (node === NODE_24) result.node24 = about.node;
      else if (!UNVERSIONED.includes(file) && !variant) result.versions[name] = about.version;
    } catch (error) {
      if (name === "adanorm") throw error;
      console.log(`! ${name}: not run: ${(error as Error).message}`);
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
    traits: {},
  };
  const pattern = new RegExp(options.only ?? "");
  const cases = allCases(options.quick).filter(({ id }) => pattern.test(id));
  const names = new Set(cases.flatMap(({ contenders }) => contenders.map(({ peer }) => peer)).filter(isChosen));
  const startUps = pattern.test("startup") ? START_UP.filter(isChosen) : [];
  const withTraits = pattern.test("traits") ? WITH_TRAITS.filter(isChosen) : [];
  for (const name of withTraits) names.add(name);
  if ([...names, ...startUps].some((name) => PROGRAMS[name]?.installed)) install();
  // It says what is right, whoever is measured.
  const peers = await startAll(names.add("adanorm"), result);
  try {
    for (const one of cases) {
      const contenders = one.contenders.filter(({ peer }) => peers.has(peer) && isChosen(peer));
      if (contenders.length === 0) continue;
      const turns = one.rows * one.size > LARGE ? LEAST_ROUNDS : rounds;
      const found = await measure({ ...one, contenders }, peers, turns);
      result.cases.push(found);
      console.log(`${caseTable(found)}\n`);
    }
    const { traits, notes } = await measureTraits(peers, withTraits);
    result.traits = traits;
    if (withTraits.length > 0) console.log([traitsTable(result), ...notes, ""].join("\n"));
  } finally {
    for (const peer of peers.values()) peer.close();
  }
  if (startUps.length > 0) {
    const { startUp, notes } = await measureStartUp(startUps, options.quick ? 5 : LEAST_ROUNDS);
    result.startUp = startUp;
    console.log([startUpTable(result), ...notes, ""].join("\n"));
  }
  return result;
}

/** The figures of an earlier run, those that were asked for. */
function earlier(file: string): Result {
  const result: Result = JSON.parse(readFileSync(file, "utf8"));
  const pattern = new RegExp(options.only ?? "");
  return {
    ...result,
    cases: result.cases.filter(({ id }) => pattern.test(id)),
    startUp: pattern.test("startup") ? result.startUp : {},
    traits: pattern.test("traits") ? result.traits : {},
  };
}

const start = performance.now();
const rounds = Math.max(LEAST_ROUNDS, Number(options.rounds ?? (options.quick ? LEAST_ROUNDS : 15)) || 0);
const result: Result = options.from ? earlier(options.from) : await run(rounds);
if (!options.from) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(result)}\n`);
}
const svg = chart(result);
if (svg) writeFileSync(`${(options.from ?? options.json).replace(/\.json$/, "")}.svg`, svg);
if (options.markdown) insertMarkdown(options.markdown, result);
if (options.publish) publish(options.only ? joined(result, published()) : result);

const { text, missed } = targetTable(result);
console.log(`${paysTable(result)}${text}\n\n${about(result)}`);
console.log(`medians of ${result.rounds} interleaved rounds, ${Math.round((performance.now() - start) / 1000)} s`);
if (options.assert && missed > 0) process.exitCode = 1;
