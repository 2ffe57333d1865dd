/** Mutants of src/: Stryker makes them and runs the fast tests on them, then the slow tests on the survivors. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Fate, type Mutant, withEquivalents } from "./mutant.ts";
import { keyOfMutant, lotOf } from "./runner/plugin.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const out = join(here, "out");

const tests = (...names: string[]) => names.map((name) => `test/${name}.test.ts`);

interface Subject {
  name: string;
  /** The files that mutants are made of, as patterns. */
  mutate: string[];
  /** Files with fast tests, and files with tests for the survivors. */
  passes: string[][];
  /** Whether the tests use the reference as it was built. */
  builtReference: boolean;
}

/** Separate subjects, because the tests of one cover much of the others and kill little of it. */
const SUBJECTS: Subject[] = [
  {
    name: "facade",
    // types.ts has no code.
    mutate: ["src/*.ts", "!src/{reference,half,types,tfjs}.ts", "!src/*.d.ts"],
    passes: [
      tests("errors", "names", "load", "entries", "norms", "aliasing", "rows", "special", "stats", "stride", "safety"),
      tests("memory", "residual", "storage"),
    ],
    builtReference: true,
  },
  {
    name: "reference",
    mutate: ["src/reference.ts", "src/half.ts"],
    passes: [tests("norms", "special", "rows", "stride", "conformance"), tests("storage", "residual", "oracle")],
    builtReference: false,
  },
  {
    name: "tfjs",
    mutate: ["src/tfjs.ts", "src/tfjs/*.ts"],
    passes: [["test/tfjs/vitest.ts"]],
    builtReference: true,
  },
];

/** The used part of the report that Stryker writes. */
interface Report {
  files: Record<string, { source: string; mutants: Reported[] }>;
}

interface Reported {
  mutatorName: string;
  replacement: string;
  status: keyof typeof FATES;
  location: { start: Position; end: Position };
}

/** Both counted from 1. */
interface Position {
  line: number;
  column: number;
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

/** A mutant, with the data to make it again. */
interface Made extends Mutant {
  range: string;
}

function madeOf({ files }: Report): Made[] {
  return Object.entries(files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split("\n");
    const offset = ({ line, column }: Position) =>
      lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
    return mutants.map(({ mutatorName: mutator, replacement, status, location: { start, end } }) => ({
      file,
      line: start.line,
      mutator,
      original: source.slice(offset(start), offset(end)),
      within: (lines[start.line - 1] as string).trim(),
      replacement,
      fate: FATES[status],
      range: `${file}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`,
    }));
  });
}

const keyOf = ({ range, mutator, replacement }: Made) => keyOfMutant(range, mutator, replacement);

/**
 * Has Stryker try mutants.
 *
 * @param left the survivors so far. If left out, all mutants of the subject are tried; results of the last time, on the
 * same code and by the same tests, are used again.
 */
function run(subject: Subject, pass: number, mutate: string[], share: number, left?: Made[]): Made[] {
  const name = `${subject.name}-${pass + 1}`;
  const report = join(out, `${name}.json`);
  const config = {
    plugins: [join(here, "runner/plugin.ts")],
    testRunner: "threads",
    // The plugin is TypeScript; the tests call the collector by hand.
    testRunnerNodeArgs: [...process.execArgv, "--expose-gc"],
    mutantsOf: { tests: subject.passes[pass], builtReference: subject.builtReference, only: left?.map(keyOf), share },
    coverageAnalysis: "perTest",
    ignoreStatic: true,
    mutate,
    ignorePatterns: [
      "*",
      "!build/**",
      "!src/**",
      "!test/**",
      "!package.json",
      "!tsconfig.json",
      "test/*/**/node_modules",
      out,
    ],
    disableTypeChecks: "src/**/*.ts",
    concurrency: 2,
    timeoutMS: 3000,
    // A process that Stryker keeps for checks cannot load the plugin and does not need it.
    logLevel: "error",
    warnings: { unknownOptions: false },
    reporters: ["progress-append-only", "json"],
    jsonReporter: { fileName: report },
    incremental: left === undefined,
    incrementalFile: join(out, `${name}.incremental.json`),
    tempDirName: join(here, ".stryker"),
  };
  const file = join(out, `${name}.config.json`);
  writeFileSync(file, JSON.stringify(config, null, 2));
  const stryker = join(here, "node_modules/@stryker-mutator/core/bin/stryker.js");
  execFileSync(process.execPath, [...process.execArgv, stryker, "run", file], { cwd: root, stdio: "inherit" });
  // Stryker reports mutants that no test reaches without trying them.
  return madeOf(JSON.parse(readFileSync(report, "utf8"))).map((one) =>
    one.fate !== "static" && lotOf(keyOf(one)) >= share ? { ...one, fate: "untried" } : one,
  );
}

/**
 * All mutants with their results.
 *
 * @param only parts of the names of files; if left out, all files.
 * @param share how many mutants to try, from 0 to 1; it is the same selection every time.
 */
export function trySources(only: string[], share: number): Mutant[] {
  mkdirSync(out, { recursive: true });
  const wanted = (file: string) => only.length === 0 || only.some((part) => file.includes(part));
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).map((file) => `src/${file}`);
  return SUBJECTS.flatMap((subject) => {
    const excluded = files.filter((file) => !wanted(file)).map((file) => `!${file}`);

    let mutants = run(subject, 0, [...subject.mutate, ...excluded], share);
    for (let pass = 1; pass < subject.passes.length; pass++) {
      const left = withEquivalents(mutants).filter(({ fate }) => fate === "survived") as Made[];
      if (left.length === 0) break;
      const killed = new Set(
        run(subject, pass, [...new Set(left.map(({ range }) => range))], share, left)
          .filter(({ fate }) => fate === "killed")
          .map(keyOf),
      );
      mutants = mutants.map((one) => (killed.has(keyOf(one)) ? { ...one, fate: "killed" } : one));
    }
    return mutants;
  });
}
