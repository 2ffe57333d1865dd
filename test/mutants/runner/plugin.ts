/**
 * Runs the tests for Stryker: each mutant in a thread of its own, on a program that was bundled once. The words that it
 * answers with are Stryker's.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { isListed, type Position, placeIn } from "../mutant.ts";
import { bundle, type Program } from "./bundle.ts";
import type { Answer, Message, Order, Outcome } from "./worker.ts";

/** Of the options of Stryker, which has them from sources.ts. */
interface Options {
  mutantsOf: {
    tests: string[];
    builtReference: boolean;
    /** How many of the mutants to try, from 0 to 1: chosen by their keys, and so the same ones every time. */
    share: number;
    /** Whether to try those that are listed as equivalent: they take longest, for all tests pass. */
    tryListed: boolean;
    /** What one test may take of the processor's time. */
    testBusyMs: number;
  };
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

/**
 * What a mutant may take beyond what its tests take without one. sources.ts has Stryker wait so long: a mutant that waits for what
 * never comes is given up after that.
 */
export const PATIENCE_MS = 60_000;
/** Stryker ends the process, which costs a second, where a run has not ended itself by its time. */
const EARLIER_MS = 500;

/**
 * The same of the processor's time, by which mutants that compute without end are told: it does not depend on what else runs on
 * the machine.
 */
const BUSY_MS = 3000;
const LOOK_MS = 50;

/** Milliseconds of the processor's time that this process has taken. Beside the thread with the tests it does next to nothing. */
function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What tells a mutant from all others. */
export function keyOfMutant(
  file: string,
  start: Position,
  end: Position,
  mutator: string,
  replacement: string,
): string {
  const range = `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
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

/** The file of a mutant, from the root. */
const sourceOf = (fileName: string) => fileName.slice(fileName.lastIndexOf("/src/") + 1);

function keyOf({ fileName, mutatorName, replacement, location: { start, end } }: MutantRun["activeMutant"]): string {
  return keyOfMutant(sourceOf(fileName), start, end, mutatorName, replacement);
}

const project = fileURLToPath(new URL("../../..", import.meta.url));

function isListedAsEquivalent({ fileName, mutatorName, replacement, location }: MutantRun["activeMutant"]): boolean {
  const file = sourceOf(fileName);
  // In the copy that Stryker works on all mutants are in the text.
  const place = placeIn(readFileSync(join(project, file), "utf8"), location.start, location.end);
  return isListed({ file, ...place, mutator: mutatorName, replacement });
}

const fileOf = (id: string) => id.slice(0, id.indexOf("#"));

class Runner {
  readonly #options: Options;
  #program: Program = { file: "", fingerprints: new Map() };

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
    return {
      status: "complete",
      tests: answer.outcomes.map((one) => this.#testOf(one)),
      mutantCoverage: answer.coverage,
    };
  }

  async mutantRun({ activeMutant, testFilter, timeout, hitLimit, mutantActivation }: MutantRun) {
    const { share, tryListed } = this.#options.mutantsOf;
    if (lotOf(keyOf(activeMutant)) >= share || (!tryListed && isListedAsEquivalent(activeMutant))) {
      return { status: "error", errorMessage: "not tried" };
    }
    const order = {
      mutant: activeMutant.id,
      only: testFilter && [...new Set(testFilter.map(fileOf))],
      tests: testFilter,
      fromTheStart: mutantActivation === "static",
      hitLimit,
    };
    const answer = await this.#run(order, timeout - EARLIER_MS, timeout - PATIENCE_MS + BUSY_MS);
    if (!answer || (hitLimit !== undefined && (answer.hits ?? 0) > hitLimit)) return { status: "timeout" };
    const failed = answer.outcomes.find(({ error }) => error !== undefined);
    const nrOfTests = answer.outcomes.length;
    if (!failed) return { status: "survived", nrOfTests };
    return { status: "killed", nrOfTests, killedBy: [failed.id], failureMessage: failed.error };
  }

  /** A test as Stryker knows it: by its name, so that the name is another one where what it tests by has changed. */
  #testOf({ id, name, ms, error }: Outcome) {
    const fileName = fileOf(id);
    const test = { id, name: `${name} (${this.#program.fingerprints.get(fileName)})`, timeSpentMs: ms, fileName };
    return error === undefined ? { ...test, status: 0 } : { ...test, status: 1, failureMessage: error };
  }

  /**
   * Undefined where it took longer than `timeout`, or more than `mostBusy` of the processor's time. A thread that breaks down, as
   * by a lack of memory, has failed a test.
   */
  #run(order: Omit<Order, "namespace">, timeout: number, mostBusy = Infinity): Promise<Answer | undefined> {
    const workerData: Order = { namespace: NAMESPACE, ...order };
    const { testBusyMs } = this.#options.mutantsOf;
    const start = busyMs();
    let testStart = start;
    const worker = new Worker(this.#program.file, { workerData, execArgv: [], stdout: true, stderr: true });
    return new Promise((resolve) => {
      const broken = (reason: unknown) => {
        const outcome: Outcome = { id: order.tests?.[0] ?? "#", name: "", ms: 0, error: String(reason) };
        finish({ outcomes: [outcome], coverage: undefined, hits: undefined });
      };
      const timer = setTimeout(() => finish(undefined), timeout);
      const look = setInterval(() => {
        const now = busyMs();
        if (now - start > mostBusy || (mostBusy < Infinity && now - testStart > testBusyMs)) finish(undefined);
      }, LOOK_MS);
      let isOver = false;
      function finish(answer: Answer | undefined): void {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        clearInterval(look);
        void worker.terminate().then(() => resolve(answer));
      }
      worker.on("message", (message: Message) => {
        if (message === "alive") testStart = busyMs();
        else finish(message);
      });
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
