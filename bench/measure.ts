/** Measures the contenders of a case in turns, each in the process of its peer, after a check that they agree. */
import { setTimeout } from "node:timers/promises";
import type { Case, Contender } from "./cases.ts";
import type { Job, Numbers } from "./job.ts";
import type { CaseResult, Series } from "./result.ts";
import type { Answers, Request } from "./worker.ts";

/** Rounds that are not counted. */
const WARM_UPS = 2;
/** What the process before has left to do besides (collecting garbage) would slow the next one down: cores share units. */
const SETTLE_MS = 5;
/** Of the results, relative to those of 1 and more. Some peers sum in f32, which for longer rows is less exact. */
const TOLERANCE = 1e-4;
const LONG = 1024;

/** What is asked of the process of a peer. */
export interface PeerEnd {
  ask<R extends Request>(request: R): Promise<Answers[R["do"]]>;
  /** Starts another process in its place: what a failure left behind (a full memory, say) would fail the next case too. */
  restart(): Promise<unknown>;
}

/** The processes of the peers that run, by their names; adanorm is among them. */
export type Peers = ReadonlyMap<string, PeerEnd>;

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

/** The job on matrices, out of place, without a residual (they are zeros), and with all results: these say what is right. */
function plainJob(job: Job): Job {
  if (job.kind === "forward") {
    const { on: _, inPlace: __, residual: ___, ...plain } = job;
    return plain;
  }
  if (job.kind !== "backward") return job;
  const { on: _, sums: __, ...plain } = job;
  return plain;
}

async function expectation(adanorm: PeerEnd, job: Job): Promise<Numbers[]> {
  await adanorm.ask({ do: "prepare", id: "expected", job });
  const numbers = await adanorm.ask({ do: "result", id: "expected" });
  await adanorm.ask({ do: "free", id: "expected" });
  return numbers;
}

interface Ready {
  contender: Contender;
  process: PeerEnd;
}

/** What became of those that are not measured, and the processes in which something failed. */
interface Failures {
  notes: string[];
  processes: Set<PeerEnd>;
}

/** Those that run and agree. */
async function prepareAll({ contenders }: Case, peers: Peers, { notes, processes }: Failures): Promise<Ready[]> {
  const ready: Ready[] = [];
  const adanorm = peers.get("adanorm") as PeerEnd;
  const expectations = new Map<string, Numbers[]>();
  for (const contender of contenders) {
    const { name, peer, job } = contender;
    const process = peers.get(peer) as PeerEnd;
    try {
      const plain = plainJob(job);
      const of = JSON.stringify(plain);
      const all = expectations.get(of) ?? (await expectation(adanorm, plain));
      expectations.set(of, all);
      const expected = job.kind === "backward" && job.sums === false ? all.slice(0, 1) : all;
      await process.ask({ do: "prepare", id: name, job });
      const problem = disagreement(await process.ask({ do: "result", id: name }), expected, job.size);
      if (problem === undefined) ready.push({ contender, process });
      else {
        notes.push(`${name}: not measured: it disagrees, ${problem}`);
        await process.ask({ do: "free", id: name });
      }
    } catch (error) {
      notes.push(`${name}: not run: ${(error as Error).message}`);
      processes.add(process);
    }
  }
  return ready;
}

/** Those for whom `work` does not fail. */
async function eachOf(ready: Ready[], failures: Failures, work: (one: Ready) => Promise<void>): Promise<Ready[]> {
  const left: Ready[] = [];
  for (const one of ready) {
    try {
      await work(one);
      left.push(one);
    } catch (error) {
      const { name, peer } = one.contender;
      if (peer === "adanorm") throw error;
      failures.notes.push(`${name}: not measured: ${(error as Error).message}`);
      failures.processes.add(one.process);
    }
  }
  return left;
}

/**
 * A peer that fails loses its figures of this case, with a note that says why: the others are measured all the same.
 * @param one a case whose contenders all have their peer in `peers`.
 * @throws Error when adanorm itself fails while it is measured.
 */
export async function measure(one: Case, peers: Peers, rounds: number): Promise<CaseResult> {
  const failures: Failures = { notes: [], processes: new Set() };
  const prepared = await prepareAll(one, peers, failures);
  let ready = await eachOf(prepared, failures, async ({ contender, process }) => {
    await process.ask({ do: "warm", id: contender.name });
  });
  const times = new Map(ready.map(({ contender }) => [contender.name, [] as number[]]));
  for (let round = -WARM_UPS; round < rounds; round++) {
    // Each starts a round once in a while, and each follows another.
    const first = (round + WARM_UPS) % Math.max(1, ready.length);
    const turns = [...ready.slice(first), ...ready.slice(0, first)];
    const left = await eachOf(turns, failures, async ({ contender, process }) => {
      await setTimeout(SETTLE_MS);
      const ns = await process.ask({ do: "round", id: contender.name });
      if (round >= 0) times.get(contender.name)?.push(ns);
    });
    ready = ready.filter((other) => left.includes(other));
  }
  for (const { contender, process } of ready) {
    if (failures.processes.has(process)) continue;
    await process.ask({ do: "free", id: contender.name }).catch(() => failures.processes.add(process));
  }
  for (const process of failures.processes) await process.restart().catch(() => {});
  const series: Series = Object.fromEntries(
    ready.map(({ contender: { name } }) => [name, times.get(name) as number[]]),
  );
  derive(one, series);
  return { id: one.id, rows: one.rows, size: one.size, series, notes: failures.notes };
}

/** Adds what is not measured by itself but as the difference of two others. */
function derive({ derived }: Case, series: Series): void {
  for (const { name, of, less, by } of derived) {
    const [long, short] = [series[of], series[less]];
    if (long && short) series[name] = long.map((ns, round) => (ns - (short[round] as number)) / by);
  }
}
