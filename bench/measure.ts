/** Measures the contenders of a case in turns, each in the process of its peer, after it has checked that they agree. */
import { setTimeout } from "node:timers/promises";
import type { Case, Contender } from "./cases.ts";
import type { ForwardJob, Job, Numbers } from "./job.ts";
import type { PeerProcess } from "./process.ts";
import type { CaseResult, Series } from "./result.ts";

/** Rounds that are not counted. */
const WARM_UPS = 2;
/**
 * The previous process may still have work to do (collecting garbage), which would slow the next one down: cores share
 * units.
 */
const SETTLE_MS = 5;
/** The tolerance of results, relative for results of 1 and more. Some peers sum in f32, which is less exact for longer rows. */
const TOLERANCE = 1e-4;
const LONG = 1024;

/** Finds the process of a peer, or the reason why it cannot run. */
export type FindProcess = (peer: string) => PeerProcess | string;

/** Why they disagree; undefined when they do not. */
function disagreement(actual: Numbers[], expected: Numbers[], size: number): string | undefined {
  const tolerance = TOLERANCE * Math.max(1, Math.sqrt(size / LONG));
  if (actual.length !== expected.length) return `${actual.length} results, not ${expected.length}`;
  for (const [part, numbers] of expected.entries()) {
    const found = actual[part] as Numbers;
    if (found.length !== numbers.length) return `${found.length} numbers, not ${numbers.length}`;
    for (let i = 0; i < numbers.length; i++) {
      const [a, b] = [found[i] as number, numbers[i] as number];
      if (!(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)))) return `${a} where adanorm has ${b}`;
    }
  }
  return undefined;
}

/** The job on x alone: the residuals are zeros. */
function withoutResidual({ residual: _, ...job }: ForwardJob): ForwardJob {
  return job;
}

/** The results of adanorm for a job: always on matrices, out of place and without a residual. */
async function expectation(adanorm: PeerProcess, job: Job): Promise<Numbers[]> {
  const plain = job.kind === "forward" ? { ...withoutResidual(job), on: "matrices" as const, inPlace: false } : job;
  await adanorm.ask({ do: "prepare", id: "expected", job: plain });
  const numbers = await adanorm.ask({ do: "result", id: "expected" });
  await adanorm.ask({ do: "free", id: "expected" });
  return numbers;
}

interface Ready {
  contender: Contender;
  process: PeerProcess;
}

/** The contenders that run and agree; the reasons against the others go to `notes`. */
async function prepareAll({ contenders }: Case, find: FindProcess, notes: string[]): Promise<Ready[]> {
  const ready: Ready[] = [];
  const adanorm = find("adanorm");
  if (typeof adanorm === "string") throw new Error(adanorm);
  const expectations = new Map<string, Numbers[]>();
  for (const contender of contenders) {
    const { name, peer, job } = contender;
    const process = find(peer);
    if (typeof process === "string") {
      const note = `${peer}: not run: ${process}`;
      if (!notes.includes(note)) notes.push(note);
      continue;
    }
    try {
      const { on, inPlace, residual, ...same } = { on: undefined, inPlace: undefined, residual: undefined, ...job };
      const of = JSON.stringify(same);
      const expected = expectations.get(of) ?? (await expectation(adanorm, job));
      expectations.set(of, expected);
      await process.ask({ do: "prepare", id: name, job });
      const problem = disagreement(await process.ask({ do: "result", id: name }), expected, job.size);
      if (problem === undefined) ready.push({ contender, process });
      else {
        notes.push(`${name}: not measured: it disagrees, ${problem}`);
        await process.ask({ do: "free", id: name });
      }
    } catch (error) {
      notes.push(`${name}: not run: ${(error as Error).message}`);
    }
  }
  return ready;
}

export async function measure(one: Case, find: FindProcess, rounds: number): Promise<CaseResult> {
  const notes: string[] = [];
  const ready = await prepareAll(one, find, notes);
  for (const { contender, process } of ready) await process.ask({ do: "warm", id: contender.name });
  const series: Series = Object.fromEntries(ready.map(({ contender }) => [contender.name, []]));
  for (let round = -WARM_UPS; round < rounds; round++) {
    // Each contender starts some of the rounds, and follows each of the others.
    const first = (round + WARM_UPS) % Math.max(1, ready.length);
    for (const { contender, process } of [...ready.slice(first), ...ready.slice(0, first)]) {
      await setTimeout(SETTLE_MS);
      const ns = await process.ask({ do: "round", id: contender.name });
      if (round >= 0) series[contender.name]?.push(ns);
    }
  }
  for (const { contender, process } of ready) await process.ask({ do: "free", id: contender.name });
  derive(one, series);
  return { id: one.id, rows: one.rows, size: one.size, series, notes };
}

/** Adds the series that are not measured but are the difference of two others. */
function derive({ derived }: Case, series: Series): void {
  for (const { name, of, less, by } of derived) {
    const [long, short] = [series[of], series[less]];
    if (long && short) series[name] = long.map((ns, round) => (ns - (short[round] as number)) / by);
  }
}
