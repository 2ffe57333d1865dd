/** Tries mutants of assembly/: compiles each, compares its digest, then runs the tests of the kernels. */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Random } from "../../accuracy/random.ts";
import type { Fate, Mutant } from "../mutant.ts";
import { bundle } from "../runner/bundle.ts";
import type { Answer, Order } from "../runner/worker.ts";
import { compile } from "./compile.ts";
import { chooseChanges } from "./make.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

const named = (...names: string[]) => names.map((name) => `test/${name}.test.ts`);
const DIGEST = "test/digest.test.ts#the digest of all results is the committed one for arrays";

/** First the tests that kill most mutants in the least time. */
const STAGES: (Pick<Order, "only" | "tests"> & { limitMs: number })[] = [
  { only: named("digest"), tests: [DIGEST], limitMs: 60_000 },
  { only: named("norms", "special", "rows", "aliasing", "stats", "safety", "sizes"), limitMs: 300_000 },
  { only: named("digest", "stride", "residual", "storage", "memory", "oracle", "accuracy"), limitMs: 900_000 },
];
const TESTS = [...new Set(STAGES.flatMap(({ only }) => only ?? []))];

/** A folder that looks to tests like the root, except for the module in it. */
function makeOverlay(): string {
  const folder = mkdtempSync(join(tmpdir(), "adanorm-mutant-"));
  cpSync(join(root, "build"), join(folder, "build"), { recursive: true });
  for (const name of ["test", "src", "docs", "README.md", "package.json"])
    symlinkSync(join(root, name), join(folder, name));
  return folder;
}

/**
 * Whether a test fails, or all tests take longer than `limitMs`. On an idle machine they need a tenth to a fortieth of that.
 */
function fails(program: string, { limitMs, ...order }: (typeof STAGES)[number]): Promise<boolean> {
  // Any name tells the worker that there is a mutant, so that the first failure ends the run.
  const workerData: Order = { namespace: "__assembly__", mutant: "", ...order };
  const worker = new Worker(program, { workerData, execArgv: [], stdout: true, stderr: true });
  return new Promise((resolve) => {
    const finish = (failed: boolean) => {
      clearTimeout(timer);
      void worker.terminate().then(() => resolve(failed));
    };
    const timer = setTimeout(() => finish(true), limitMs);
    worker.once("message", ({ outcomes }: Answer) => finish(outcomes.some(({ error }) => error !== undefined)));
    worker.once("error", () => finish(true));
  });
}

async function fateOf(bytes: Uint8Array | undefined, unchanged: Uint8Array, overlay: string): Promise<Fate> {
  if (!bytes) return "invalid";
  if (Buffer.from(bytes).equals(unchanged)) return "equivalent";
  writeFileSync(join(overlay, "build/adanorm.wasm"), bytes);
  const program = await bundle(root, TESTS, true, join(root, "test/mutants/out/program"), overlay);
  for (const stage of STAGES) if (await fails(program, stage)) return "killed";
  return "survived";
}

/**
 * Tries a number of mutants and returns them with their results. Those that compile to the same module are equivalent.
 *
 * @param tell is called with each result.
 * @throws Error if tests fail without a mutant.
 */
export async function tryAssembly(
  count: number,
  seed: string,
  tell: (mutant: Mutant, done: number) => void,
): Promise<Mutant[]> {
  const random = new Random(seed);
  const unchanged = await compile(root, {});
  if (!unchanged) throw new Error("assembly/ does not compile");
  const overlay = makeOverlay();
  const mutants: Mutant[] = [];
  try {
    writeFileSync(join(overlay, "build/adanorm.wasm"), unchanged);
    const program = await bundle(root, TESTS, true, join(root, "test/mutants/out/program"), overlay);
    if (await fails(program, STAGES[0] as (typeof STAGES)[number]))
      throw new Error("the digest is wrong without a mutant");
    for (const { text, ...change } of chooseChanges(root, count, () => random.uniform())) {
      const bytes = await compile(root, { [change.file]: text });
      const mutant = { ...change, fate: await fateOf(bytes, unchanged, overlay) };
      mutants.push(mutant);
      tell(mutant, mutants.length);
    }
  } finally {
    rmSync(overlay, { recursive: true, force: true });
  }
  return mutants;
}
