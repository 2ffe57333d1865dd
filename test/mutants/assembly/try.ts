/** Mutants of assembly/: each is compiled, then the digest is taken, then the tests of what the kernels do are run. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Random } from "../../accuracy/random.ts";
import { type Fate, isListed, type Mutant } from "../mutant.ts";
import { bundle } from "../runner/bundle.ts";
import type { Message, Order } from "../runner/worker.ts";
import { compile } from "./compile.ts";
import { type Change, chooseChanges } from "./make.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const out = join(root, "test/mutants/out");

const named = (...names: string[]) => names.map((name) => `test/${name}.test.ts`);
const DIGEST = "test/digest.test.ts#the digest of all results is the committed one for arrays";

type Stage = Pick<Order, "tests"> & { only: string[] };

/** First what kills most, in the least time. */
const STAGES: Stage[] = [
  { only: named("digest"), tests: [DIGEST] },
  { only: named("precision", "norms", "special", "rows", "quantize", "aliasing", "stats", "safety") },
  { only: named("sizes", "tiles", "stripes", "params-only", "mixed", "prepared") },
  { only: named("digest", "stride", "residual", "storage", "memory", "oracle", "accuracy") },
];
/** While one is compiled, the other's tests run. */
const AT_A_TIME = 2;
const TESTS = [...new Set(STAGES.flatMap(({ only }) => only))];

/** A mutant may take so many times as long as the longest test of a stage takes without one, and no less than so long. */
const TIMES = 10;
const LEAST_MS = 30_000;

/** A folder that is to tests as the root is, but for the module in it. */
function makeOverlay(): string {
  const folder = mkdtempSync(join(tmpdir(), "adanorm-mutant-"));
  cpSync(join(root, "build"), join(folder, "build"), { recursive: true });
  for (const name of ["test", "src", "docs", "README.md", "package.json"])
    symlinkSync(join(root, name), join(folder, name));
  return folder;
}

/** Whether a test of a stage fails, or takes longer than `limitMs`; and how long the longest took. */
function run(program: string, stage: Stage, limitMs: number): Promise<{ failed: boolean; longestMs: number }> {
  // To the worker, any mutant: the first failure ends the run.
  const workerData: Order = { namespace: "__assembly__", mutant: "", ...stage };
  const worker = new Worker(program, { workerData, execArgv: [], stdout: true, stderr: true });
  return new Promise((resolve) => {
    const finish = (failed: boolean, longestMs = 0) => {
      clearTimeout(timer);
      void worker.terminate().then(() => resolve({ failed, longestMs }));
    };
    const timer = setTimeout(() => finish(true), limitMs);
    worker.on("message", (message: Message) => {
      if (message === "alive") timer.refresh();
      else {
        const { outcomes } = message;
        finish(
          outcomes.some(({ error }) => error !== undefined),
          Math.max(...outcomes.map(({ ms }) => ms)),
        );
      }
    });
    worker.once("error", () => finish(true));
  });
}

/** What became of a module, and the fingerprints of the files with tests that told. */
interface Found {
  fate: "killed" | "survived";
  tests: string;
}

/** Where mutants of one at a time are tried: a folder for the module, and one for the tests on it. */
class Place {
  readonly #overlay = makeOverlay();
  readonly #outdir: string;

  constructor(number: number) {
    this.#outdir = join(out, `program-${number}`);
  }

  async #bundle(bytes: Uint8Array) {
    writeFileSync(join(this.#overlay, "build/adanorm.wasm"), bytes);
    return bundle(root, TESTS, true, this.#outdir, this.#overlay);
  }

  /**
   * The limits of the stages, for what a test of each may take.
   *
   * @param unchanged the module without a mutant.
   * @throws Error where a test fails on that.
   */
  async limits(unchanged: Uint8Array): Promise<number[]> {
    const { file } = await this.#bundle(unchanged);
    const limits: number[] = [];
    for (const stage of STAGES) {
      const { failed, longestMs } = await run(file, stage, 20 * LEAST_MS);
      if (failed) throw new Error(`a test fails without a mutant: ${stage.only.join(", ")}`);
      limits.push(Math.max(TIMES * longestMs, LEAST_MS));
    }
    return limits;
  }

  /** @param known what an earlier run has found of the same module. */
  async found(bytes: Uint8Array, stages: Stage[], limits: number[], known: Found | undefined): Promise<Found> {
    const { file, fingerprints } = await this.#bundle(bytes);
    const printsOf = (some: Stage[]) => some.flatMap(({ only }) => only.map((name) => fingerprints.get(name))).join();
    const all = printsOf(stages);
    const isKilled = stages.some((stage) => known?.fate === "killed" && known.tests === printsOf([stage]));
    if (known && (isKilled || known.tests === all)) return known;
    for (const [i, stage] of stages.entries()) {
      const { failed } = await run(file, stage, limits[i] as number);
      if (failed) return { fate: "killed", tests: printsOf([stage]) };
    }
    return { fate: "survived", tests: all };
  }

  remove(): void {
    rmSync(this.#overlay, { recursive: true, force: true });
  }
}

/** What earlier runs have found, by the module. */
const kept = join(out, "assembly.json");

function readKept(): Record<string, Found> {
  return existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : {};
}

/**
 * So many mutants, and what became of them. Those that compile to the same module are equivalent.
 *
 * @param only parts of the names of files, where not all of them are wanted.
 * @param fresh whether to try those too that an earlier run has tried, by the same tests.
 * @param tell is told of each as soon as it is known.
 * @throws Error where tests fail without a mutant.
 */
export async function tryAssembly(
  count: number,
  seed: string,
  only: string[],
  fresh: boolean,
  tell: (mutant: Mutant, done: number) => void,
): Promise<Mutant[]> {
  mkdirSync(out, { recursive: true });
  const unchanged = await compile(root, {});
  if (!unchanged) throw new Error("assembly/ does not compile");
  const known = fresh ? {} : readKept();
  const random = new Random(seed);
  const changes = chooseChanges(root, count, only, () => random.uniform());
  const mutants: Mutant[] = [];

  async function fateOf(change: Change, place: Place, limits: number[]): Promise<Fate> {
    const bytes = await compile(root, { [change.file]: change.text });
    if (!bytes) return "invalid";
    if (Buffer.from(bytes).equals(unchanged as Uint8Array)) return "equivalent";
    const key = createHash("sha256").update(bytes).digest("hex");
    // Whether the list is out of date is all that there is to find out of these, and the digest finds most.
    const stages = isListed(change) ? STAGES.slice(0, 1) : STAGES;
    const found = await place.found(bytes, stages, limits, known[key]);
    known[key] = found;
    writeFileSync(kept, JSON.stringify(known));
    return found.fate;
  }

  async function tryNext(place: Place, limits: number[]): Promise<void> {
    for (let change = changes.shift(); change !== undefined; change = changes.shift()) {
      const { text: _, ...described } = change;
      const mutant = { ...described, fate: await fateOf(change, place, limits) };
      mutants.push(mutant);
      tell(mutant, mutants.length);
    }
  }

  const places = Array.from({ length: AT_A_TIME }, (_, i) => new Place(i));
  try {
    const limits = await (places[0] as Place).limits(unchanged);
    await Promise.all(places.map((place) => tryNext(place, limits)));
  } finally {
    for (const place of places) place.remove();
  }
  return mutants;
}
