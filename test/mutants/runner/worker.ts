/** Runs tests, on a mutant or to see what they cover, in a separate thread, so that the damage of a mutant ends with it. */
import { parentPort, workerData } from "node:worker_threads";
import { files } from "virtual:files";
import { collect, type Suite, type Test } from "./vitest.ts";

/** What to run. */
export interface Order {
  /** Where the instrumented code looks for the mutant that is active, and notes what is covered. */
  namespace: string;
  /** Files with tests; if left out, all of them. */
  only?: string[] | undefined;
  /** Ids of tests; if left out, all tests of the files. */
  tests?: string[] | undefined;
  mutant?: string | undefined;
  /** Whether the mutant is active while modules are loaded. */
  fromTheStart?: boolean;
  hitLimit?: number | undefined;
}

export interface Outcome {
  id: string;
  name: string;
  ms: number;
  /** The error, if there was one. */
  error?: string;
}

export interface Answer {
  outcomes: Outcome[];
  coverage: unknown;
  hits: number | undefined;
}

/** The answer; before it, a word for each test that is done. */
export type Message = Answer | "alive";

const tell = (message: Message) => parentPort?.postMessage(message);

interface Instruments {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number;
  hitLimit?: number | undefined;
  mutantCoverage?: unknown;
}

const order: Order = workerData;
const instruments: Instruments = {};
(globalThis as unknown as Record<string, Instruments>)[order.namespace] = instruments;
if (order.mutant !== undefined) {
  instruments.hitCount = 0;
  instruments.hitLimit = order.hitLimit;
}
const outcomes: Outcome[] = [];

/** Instrumented code that finds no other word of a mutant looks for it there. */
const ENVIRONMENT = "__STRYKER_ACTIVE_MUTANT__";

/** Makes the mutant active in this thread, and in threads that start from now on: these inherit the environment. */
function activate(mutant: string | undefined): void {
  instruments.activeMutant = mutant;
  if (mutant === undefined) delete process.env[ENVIRONMENT];
  else process.env[ENVIRONMENT] = mutant;
}

/** Whether the run goes on: the first failure with a mutant ends it. */
const goesOn = () => order.mutant === undefined || outcomes.every(({ error }) => error === undefined);

const isTest = (member: Suite | Test): member is Test => "body" in member;
const ids = new Map<Test, string>();

/** Separate ids for tests with the same name. */
function identify(file: string, { members }: Suite, path: string, taken: Set<string>): void {
  for (const member of members) {
    const name = `${path} ${member.name}`.trim();
    if (!isTest(member)) identify(file, member, name, taken);
    else {
      let id = `${file}#${name}`;
      while (taken.has(id)) id += "'";
      taken.add(id);
      ids.set(member, id);
    }
  }
}

const isWanted = (member: Suite | Test): boolean =>
  isTest(member) ? (order.tests?.includes(ids.get(member) as string) ?? true) : member.members.some(isWanted);

/** What is done before and after each test of a suite: for the outer suites first, and last. */
type Hooks = Pick<Suite, "beforeEach" | "afterEach">;

async function runTest(test: Test, { beforeEach, afterEach }: Hooks): Promise<void> {
  const id = ids.get(test) as string;
  const outcome: Outcome = { id, name: id.slice(id.indexOf("#") + 1), ms: 0 };
  const start = performance.now();
  if (order.mutant === undefined) instruments.currentTestId = id;
  try {
    for (const hook of beforeEach) await hook();
    try {
      await test.body();
    } finally {
      for (const hook of afterEach) await hook();
    }
  } catch (error) {
    outcome.error = String(error);
  }
  instruments.currentTestId = undefined;
  outcome.ms = performance.now() - start;
  outcomes.push(outcome);
  tell("alive");
}

async function runSuite(suite: Suite, around: Hooks): Promise<void> {
  for (const hook of suite.beforeAll) await hook();
  const hooks = {
    beforeEach: [...around.beforeEach, ...suite.beforeEach],
    afterEach: [...suite.afterEach, ...around.afterEach],
  };
  for (const member of suite.members) {
    if (!goesOn()) break;
    if (isWanted(member)) await (isTest(member) ? runTest(member, hooks) : runSuite(member, hooks));
  }
  for (const hook of suite.afterAll) await hook();
}

async function run(): Promise<Answer> {
  for (const [file, load] of Object.entries(files)) {
    if (!goesOn()) break;
    if (order.only && !order.only.includes(file)) continue;
    activate(order.fromTheStart ? order.mutant : undefined);
    try {
      const suite = await collect(load);
      identify(file, suite, "", new Set());
      activate(order.mutant);
      if (isWanted(suite)) await runSuite(suite, { beforeEach: [], afterEach: [] });
    } catch (error) {
      outcomes.push({ id: `${file}#`, name: "", ms: 0, error: String(error) });
    }
  }
  return { outcomes, coverage: instruments.mutantCoverage, hits: instruments.hitCount };
}

// The thread may end while the engine still has a promise, for example of a module that it compiles.
const alive = setInterval(() => {}, 2 ** 30);
tell(await run());
clearInterval(alive);
