/**
 * Mutants of src/: Stryker makes them, and runs tests on each until one fails. What it finds is kept in out/, and taken from there
 * the next time for code and tests that are as they were: a run can be done in parts, a file or some at a time.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Fate, isListed, type Mutant, type Position, placeIn } from "./mutant.ts";
import { keyOfMutant, lotOf, PATIENCE_MS } from "./runner/plugin.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const out = join(here, "out");

const named = (...names: string[]) => names.map((name) => `test/${name}.test.ts`);

interface Subject {
  name: string;
  /** Whether mutants are made of a file of src/. */
  mutates(file: string): boolean;
  /** Files with tests, in the order in which they are run: what kills most in the least time comes first. */
  tests: string[];
  /** Whether the tests use the reference as it was built. */
  builtReference: boolean;
  /**
   * Whether each mutant is tried by the tests that reach it alone. What is reached by threads that the code starts is not seen:
   * all tests try all of that, also what runs when a module is loaded.
   */
  byCoverage: boolean;
  /** What one test may take of the processor's time, in ms, whatever the others have left. */
  testBusyMs: number;
}

const isOfReference = (file: string) => /\/(reference|half)\b/.test(file);
const isOfTensorFlow = (file: string) => /\/tfjs\b/.test(file);
const isOfThreads = (file: string) => /\/threads?\b/.test(file);

/** Ten times as long as the longest test takes, but for those of threads. */
const TEST_BUSY_MS = 5000;

/** Apart, for the tests of one cover much of the others and kill little of it. */
const SUBJECTS: Subject[] = [
  {
    name: "facade",
    mutates: (file) => !isOfReference(file) && !isOfTensorFlow(file) && !isOfThreads(file),
    tests: named(
      ...["errors", "names", "load", "entries", "norms", "aliasing", "rows", "special", "stats", "stride", "safety"],
      ...[
        "places",
        "prepared",
        "tiles",
        "memory",
        "residual",
        "storage",
        "embedded",
        "quantize",
        "params-only",
        "stripes",
      ],
      // They start threads, which takes longer.
      ...["threads/calling", "threads/load"],
    ),
    builtReference: true,
    byCoverage: true,
    testBusyMs: TEST_BUSY_MS,
  },
  {
    name: "reference",
    mutates: isOfReference,
    tests: named("norms", "special", "rows", "stride", "conformance", "storage", "residual", "quantize", "oracle"),
    builtReference: false,
    byCoverage: true,
    testBusyMs: TEST_BUSY_MS,
  },
  {
    name: "tfjs",
    mutates: isOfTensorFlow,
    tests: ["test/tfjs/vitest.ts"],
    builtReference: true,
    byCoverage: true,
    testBusyMs: TEST_BUSY_MS,
  },
  {
    name: "threads",
    mutates: isOfThreads,
    tests: named("threads/sharing", "threads/calling", "threads/load", "threads/batches", "threads/deaths"),
    builtReference: true,
    byCoverage: false,
    // Eight threads look for work while they have none.
    testBusyMs: 12 * TEST_BUSY_MS,
  },
];

/** As much as is used of the report that Stryker writes. */
interface Report {
  files: Record<string, { source: string; mutants: Reported[] }>;
}

interface Reported {
  mutatorName: string;
  replacement: string;
  status: keyof typeof FATES;
  /** Counted from 1. */
  location: { start: Position; end: Position };
}

const FATES = {
  Killed: "killed",
  // Most of them never end.
  Timeout: "killed",
  Survived: "survived",
  NoCoverage: "survived",
  RuntimeError: "untried",
  Ignored: "static",
} as const satisfies Record<string, Fate>;

/** A mutant, and what tells it from all others. */
interface Made extends Mutant {
  key: string;
}

function madeOf({ files }: Report): Made[] {
  const fromZero = ({ line, column }: Position): Position => ({ line: line - 1, column: column - 1 });
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map(({ mutatorName: mutator, replacement, status, location }) => {
      const [start, end] = [fromZero(location.start), fromZero(location.end)];
      const place = placeIn(source, start, end);
      const key = keyOfMutant(file, start, end, mutator, replacement);
      return { file, ...place, mutator, replacement, fate: FATES[status], key };
    }),
  );
}

/** Forgets the mutants that a run of a part of them left out: Stryker has them for tried. */
function forgetUntried(file: string): void {
  if (!existsSync(file)) return;
  const report: Report = JSON.parse(readFileSync(file, "utf8"));
  for (const one of Object.values(report.files)) {
    one.mutants = one.mutants.filter(({ status }) => FATES[status] !== "untried");
  }
  writeFileSync(file, JSON.stringify(report));
}

/** Has Stryker try the mutants of a subject that are in some files. */
function run(subject: Subject, files: string[], share: number, fresh: boolean): Made[] {
  const { name, tests, builtReference, byCoverage, testBusyMs } = subject;
  const report = join(out, `${name}.json`);
  const incrementalFile = join(out, `${name}.incremental.json`);
  forgetUntried(incrementalFile);
  const config = {
    plugins: [join(here, "runner/plugin.ts")],
    testRunner: "threads",
    // The plugin is TypeScript; the tests call the collector by hand.
    testRunnerNodeArgs: [...process.execArgv, "--expose-gc"],
    mutantsOf: { tests, builtReference, testBusyMs, share, tryListed: fresh },
    coverageAnalysis: byCoverage ? "perTest" : "off",
    ignoreStatic: byCoverage,
    mutate: files,
    ignorePatterns: [
      "*",
      "!build/**",
      "!src/**",
      "!test/**",
      "!scripts/**",
      "!package.json",
      "!tsconfig.json",
      "test/*/**/node_modules",
      out,
    ],
    disableTypeChecks: "src/**/*.ts",
    concurrency: 2,
    timeoutMS: PATIENCE_MS,
    // On a crowded machine.
    dryRunTimeoutMinutes: 30,
    // A process that Stryker keeps for checks cannot load the plugin, and has no use for it.
    logLevel: "error",
    warnings: { unknownOptions: false },
    reporters: ["progress-append-only", "json"],
    jsonReporter: { fileName: report },
    incremental: true,
    incrementalFile,
    tempDirName: join(here, ".stryker"),
  };
  const file = join(out, `${name}.config.json`);
  writeFileSync(file, JSON.stringify(config, null, 2));
  const stryker = join(here, "node_modules/@stryker-mutator/core/bin/stryker.js");
  execFileSync(process.execPath, [...process.execArgv, stryker, "run", file], { cwd: root, stdio: "inherit" });
  return madeOf(JSON.parse(readFileSync(report, "utf8"))).map((one) => {
    if (one.fate === "static") return one;
    // Those that no test reaches are told by Stryker without having been tried.
    if (lotOf(one.key) >= share) return { ...one, fate: "untried" };
    return one.fate === "untried" && isListed(one) ? { ...one, fate: "equivalent" } : one;
  });
}

/** Letters of code that are mutated at a time: about 800 mutants. */
const PART = 40_000;

/** The files, some at a time: what was found in them is kept should the next ones be cut short. */
function partsOf(files: string[]): string[][] {
  const parts: string[][] = [];
  let left = 0;
  for (const file of files) {
    const { length } = readFileSync(join(root, file), "utf8");
    if (length > left) {
      parts.push([]);
      left = PART;
    }
    parts.at(-1)?.push(file);
    left -= length;
  }
  return parts;
}

/**
 * All mutants, and what became of them.
 *
 * @param only parts of the names of files, where not all of them are wanted.
 * @param share how many mutants to try, from 0 to 1; which ones is the same every time.
 * @param fresh whether to try those too that an earlier run has tried on the same code, by the same tests, and those that are
 * listed as equivalent.
 */
export function trySources(only: string[], share: number, fresh: boolean): Mutant[] {
  if (fresh) rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const wanted = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => `src/${file}`)
    // Of types there is nothing to mutate.
    .filter((file) => file.endsWith(".ts") && !/\.d\.ts$|\/types\b/.test(file))
    .filter((file) => only.length === 0 || only.some((part) => file.includes(part)));
  return SUBJECTS.flatMap((subject) => {
    // What was found before in other files is in the report too.
    return partsOf(wanted.filter(subject.mutates)).flatMap((files) =>
      run(subject, files, share, fresh).filter(({ file }) => files.includes(file)),
    );
  });
}
