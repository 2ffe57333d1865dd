/**
 * Runs the tests for Stryker: each mutant in a separate thread, on a program that was bundled once. Its answers use
 * Stryker's terms.
 */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { bundle } from "./bundle.ts";
import type { Answer, Order, Outcome } from "./worker.ts";

/** The options of this plugin. sources.ts gives them to Stryker. */
interface Options {
  mutantsOf: {
    tests: string[];
    builtReference: boolean;
    /** The keys of the mutants to try. Stryker itself would try all mutants in the same ranges. */
    only?: string[];
    /** The share of them to try, from 0 to 1. Their keys decide, so it is the same share every time. */
    share: number;
  };
}

/** Both counted from 0. */
interface Position {
  line: number;
  column: number;
}

interface Range {
  start: Position;
  end: Position;
}

interface MutantRun {
  activeMutant: { id: string; fileName: string; mutatorName: string; replacement: string; location: Range };
  testFilter?: string[];
  timeout: number;
  hitLimit?: number;
  mutantActivation: "static" | "runtime";
}

/** Where the instrumented code looks for the mutant that is active. */
const NAMESPACE = "__stryker__";

/** If a run has not ended in time, Stryker ends the process, which costs a second. */
const EARLIER_MS = 500;
const LEAST_MS = 2000;

/** The key of a mutant. `range` has the form in which Stryker is told what to mutate. */
export function keyOfMutant(range: string, mutator: string, replacement: string): string {
  return [range, mutator, replacement].join("\n");
}

/** Evenly distributed in [0, 1), for keys that differ in a single letter too (FNV-1a, and the finish of MurmurHash 3). */
export function lotOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const letter of key) hash = Math.imul(hash ^ (letter.codePointAt(0) as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

function keyOf({ fileName, mutatorName, replacement, location: { start, end } }: MutantRun["activeMutant"]): string {
  const file = fileName.slice(fileName.lastIndexOf("/src/") + 1);
  const range = `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
  return keyOfMutant(range, mutatorName, replacement);
}

const fileOf = (id: string) => id.slice(0, id.indexOf("#"));

function testOf({ id, name, ms, error }: Outcome) {
  const test = { id, name, timeSpentMs: ms, fileName: fileOf(id) };
  return error === undefined ? { ...test, status: 0 } : { ...test, status: 1, failureMessage: error };
}

class Runner {
  readonly #options: Options;
  #program = "";

  constructor(options: Options) {
    this.#options = options;
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init(): Promise<void> {
    const { tests, builtReference } = this.#options.mutantsOf;
    const root = process.cwd();
    const outdir = join(root, `program-${process.env.STRYKER_MUTATOR_WORKER}`);
    this.#program = await bundle(root, tests, builtReference, outdir);
  }

  async dryRun({ timeout }: { timeout: number }) {
    const answer = await this.#run({}, timeout);
    if (!answer) return { status: "timeout" };
    return { status: "complete", tests: answer.outcomes.map(testOf), mutantCoverage: answer.coverage };
  }

  async mutantRun({ activeMutant, testFilter, timeout, hitLimit, mutantActivation }: MutantRun) {
    const { only, share } = this.#options.mutantsOf;
    const key = keyOf(activeMutant);
    if (lotOf(key) >= share || (only && !only.includes(key))) return { status: "error", errorMessage: "not tried" };
    const order = {
      mutant: activeMutant.id,
      only: testFilter && [...new Set(testFilter.map(fileOf))],
      tests: testFilter,
      fromTheStart: mutantActivation === "static",
      hitLimit,
    };
    const answer = await this.#run(order, Math.max(timeout - EARLIER_MS, LEAST_MS));
    if (!answer || (hitLimit !== undefined && (answer.hits ?? 0) > hitLimit)) return { status: "timeout" };
    const failed = answer.outcomes.find(({ error }) => error !== undefined);
    const nrOfTests = answer.outcomes.length;
    if (!failed) return { status: "survived", nrOfTests };
    return { status: "killed", nrOfTests, killedBy: [failed.id], failureMessage: failed.error };
  }

  /** Undefined if it took too long. A thread that breaks down, for lack of memory for example, has failed a test. */
  #run(order: Omit<Order, "namespace">, timeout: number): Promise<Answer | undefined> {
    const workerData: Order = { namespace: NAMESPACE, ...order };
    const worker = new Worker(this.#program, { workerData, execArgv: [], stdout: true, stderr: true });
    return new Promise((resolve) => {
      const broken = (reason: unknown) => {
        const outcome: Outcome = { id: order.tests?.[0] ?? "#", name: "", ms: 0, error: String(reason) };
        finish({ outcomes: [outcome], coverage: undefined, hits: undefined });
      };
      const timer = setTimeout(() => finish(undefined), timeout);
      let isOver = false;
      function finish(answer: Answer | undefined): void {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        void worker.terminate().then(() => resolve(answer));
      }
      worker.once("message", finish);
      worker.once("error", broken);
      worker.once("exit", (code) => broken(`exit code ${code}`));
    });
  }
}

function create(options: Options): Runner {
  return new Runner(options);
}
create.inject = ["options"] as const;

export const strykerPlugins = [{ kind: "TestRunner", name: "threads", factory: create }];
