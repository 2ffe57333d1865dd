/** Mutants of assembly/: each is compiled, then the digest is taken, then the tests of what the kernels do are run. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Random } from "../../accuracy/random.ts";
import type { Fate, Mutant } from "../mutant.ts";
import { bundle } from "../runner/bundle.ts";
import type { Message, Order } from "../runner/worker.ts";
import { compile } from "./compile.ts";
import { type Change, chooseChanges } from "./make.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const out = join(root, "test/mutants/out");

const named = (...names: string[]) => names.map((name) => `test/${name}.test.ts`);
const DIGEST = "test/digest.test.ts#the digest of all results is the committed one for arrays";

/** First what kills most, in the least time. */
const STAGES: (Pick<Order, "only" | "tests"> & { limitMs: number })[] = [
  { only: named("digest"), tests: [DIGEST], limitMs: 60_000 },
  { only: named("norms", "special", "rows", "aliasing", "stats", "safety", "sizes", "tiles"), limitMs: 300_000 },
  { only: named("digest", "stride", "residual", "storage", "memory", "oracle", "accuracy"), limitMs: 900_000 },
];
/** While one is compiled, the other's tests run. */
const AT_A_TIME = 2;
const TESTS = [...new Set(STAGES.flatMap(({ only }) => only ?? []))];

/** A folder that is to tests as the root is, but for the module in it. */
function makeOverlay(): string {
  const folder = mkdtempSync(join(tmpdir(), "adanorm-mutant-"));
  cpSync(join(root, "build"), join(folder, "build"), { recursive: true });
  for (const name of ["test", "src", "docs", "README.md", "package.json"])
    symlinkSync(join(root, name), join(folder, name));
  return folder;
}

/**
 * Whether a test fails, or all take longer than `limitMs`: with nothing else on the machine, a tenth to a fortieth of that is
 * enough for all of them.
 */
function fails(program: string, { limitMs, ...order }: (typeof STAGES)[number]): Promise<boolean> {
  // To the worker, any mutant: the first failure ends the run.
  const workerData: Order = { namespace: "__assembly__", mutant: "", ...order };
  const worker = new Worker(program, { workerData, execArgv: [], stdout: true, stderr: true });
  return new Promise((resolve) => {
    const finish = (failed: boolean) => {
      clearTimeout(timer);
      void worker.terminate().then(() => resolve(failed));
    };
    const timer = setTimeout(() => finish(true), limitMs);
    worker.on("message", (message: Message) => {
      if (message !== "alive") finish(message.outcomes.some(({ error }) => error !== undefined));
    });
    worker.once("error", () => finish(true));
  });
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

  /** What the tests are, of which the digest holds for the module. */
  async check(unchanged: Uint8Array): Promise<string> {
    const { file, fingerprints } = await this.#bundle(unchanged);
    if (await fails(file, STAGES[0] as (typeof STAGES)[number]))
      throw new Error("the digest is wrong without a mutant");
    return [...fingerprints.values()].join();
  }

  async fateOf(bytes: Uint8Array): Promise<Fate> {
    const { file } = await this.#bundle(bytes);
    for (const stage of STAGES) if (await fails(file, stage)) return "killed";
    return "survived";
  }

  remove(): void {
    rmSync(this.#overlay, { recursive: true, force: true });
  }
}

/** What earlier runs have found, by the module and the tests. */
const known = join(out, "assembly.json");

function readKnown(): Record<string, Fate> {
  return existsSync(known) ? JSON.parse(readFileSync(known, "utf8")) : {};
}

/**
 * So many mutants, and what became of them. Those that compile to the same module are equivalent.
 *
 * @param fresh whether to try those too that an earlier run has tried, by the same tests.
 * @param tell is told of each as soon as it is known.
 * @throws Error where tests fail without a mutant.
 */
export async function tryAssembly(
  count: number,
  seed: string,
  fresh: boolean,
  tell: (mutant: Mutant, done: number) => void,
): Promise<Mutant[]> {
  mkdirSync(out, { recursive: true });
  const unchanged = await compile(root, {});
  if (!unchanged) throw new Error("assembly/ does not compile");
  const fates = fresh ? {} : readKnown();
  const random = new Random(seed);
  const changes = chooseChanges(root, count, () => random.uniform());
  const mutants: Mutant[] = [];

  async function fateOf({ file, text }: Change, place: Place, tests: string): Promise<Fate> {
    const bytes = await compile(root, { [file]: text });
    if (!bytes) return "invalid";
    if (Buffer.from(bytes).equals(unchanged as Uint8Array)) return "equivalent";
    const key = createHash("sha256").update(bytes).update(tests).digest("hex");
    fates[key] ??= await place.fateOf(bytes);
    writeFileSync(known, JSON.stringify(fates));
    return fates[key];
  }

  async function tryNext(place: Place, tests: string): Promise<void> {
    for (let change = changes.shift(); change !== undefined; change = changes.shift()) {
      const { text: _, ...described } = change;
      const mutant = { ...described, fate: await fateOf(change, place, tests) };
      mutants.push(mutant);
      tell(mutant, mutants.length);
    }
  }

  const places = Array.from({ length: AT_A_TIME }, (_, i) => new Place(i));
  try {
    const tests = await (places[0] as Place).check(unchanged);
    await Promise.all(places.map((place) => tryNext(place, tests)));
  } finally {
    for (const place of places) place.remove();
  }
  return mutants;
}
