/**
 * The process of one peer, started by process.ts. Each peer has its own process, because peers in one process slow each
 * other down. When a WebAssembly memory grows, an ArrayBuffer is detached; from then on V8 checks every access to every
 * typed array of the process. And the garbage of one peer would be collected in the time of another.
 */
import type { Job, Numbers, OpenPeer, Peer, Task, TimedTask, Timing } from "./job.ts";

export type Request =
  | { do: "open"; peer: string; variant: string | undefined }
  | { do: "prepare"; id: string; job: Job }
  | { do: "result"; id: string }
  | { do: "warm"; id: string }
  | { do: "round"; id: string }
  | { do: "free"; id: string };

/** What the requests are answered with; "round": nanoseconds a call. */
export interface Answers {
  open: { version: string; node: string };
  prepare: undefined;
  result: Numbers[];
  warm: undefined;
  round: number;
  free: undefined;
}

export type Answer = { value: unknown } | { error: string };

/** Long enough for the engine to have compiled what runs to its best code. */
const WARM_MS = 40;
const ROUND_MS = 3;
/** A call that takes longer finds nothing in the caches that the previous call left there. */
const UNCACHED_MS = 20;
/** A round that had a core for a smaller part of its time than this is repeated, unless that would take too long. */
const RUNNING = 0.95;
/** A round is also repeated if the probe beside it took longer than this, relative to its shortest time. */
const SHARED = 1.1;
const PATIENCE_MS = 60;
/** Enough for the engine to have compiled it. */
const PROBES = 20;
/** Enough of large results to compare. A prime stride visits every column of every size. */
const COMPARED = 2 ** 20;
const STRIDE = 61;

let peer: Peer;
const tasks = new Map<string, { task: Task | TimedTask; calls: number; ms: number }>();

let fastestProbe = Number.POSITIVE_INFINITY;

/**
 * Tells whether another thread shares the core's arithmetic: how long a fixed piece of arithmetic takes, relative to the
 * least it ever took here. A factor of two is common on cores of two threads, and no clock or counter of this process shows it.
 */
function probe(): number {
  const start = process.hrtime.bigint();
  let [a, b, c, d] = [1, 1, 1, 1];
  for (let i = 0; i < 20_000; i++) {
    a = a * 0.999 + 1;
    b = b * 0.998 + 1;
    c = c * 0.997 + 1;
    d = d * 0.996 + 1;
  }
  const ns = Number(process.hrtime.bigint() - start) + (a + b + c + d > 1e9 ? 1 : 0);
  fastestProbe = Math.min(fastestProbe, ns);
  return ns / fastestProbe;
}

async function time(task: Task | TimedTask, calls: number): Promise<Timing> {
  if ("time" in task) return task.time(calls);
  const sharedBefore = probe();
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) {
    const pending = task.run();
    if (pending) await pending;
  }
  const ns = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(before);
  return { ns: ns / calls, running: ((user + system) * 1e3) / ns, shared: Math.max(sharedBefore, probe()) };
}

function entry(id: string) {
  const found = tasks.get(id);
  if (!found) throw new Error(`no task ${id} was prepared`);
  return found;
}

function excerpt(numbers: Numbers): Numbers {
  if (numbers.length <= COMPARED) return numbers;
  return Float64Array.from({ length: Math.floor(numbers.length / STRIDE) }, (_, i) => numbers[i * STRIDE] as number);
}

const handlers = {
  async open(request: { peer: string; variant: string | undefined }): Promise<Answers["open"]> {
    const { open }: { open: OpenPeer } = await import(`./peers/${request.peer}.ts`);
    peer = await open(request.variant);
    return { version: peer.version, node: process.versions.node };
  },
  async prepare({ id, job }: { id: string; job: Job }) {
    tasks.set(id, { task: await peer.prepare(job), calls: 1, ms: 0 });
  },
  async result({ id }: { id: string }): Promise<Numbers[]> {
    return (await entry(id).task.result()).map(excerpt);
  },
  /** Runs for a while, and finds how many calls make a round. */
  async warm({ id }: { id: string }) {
    const warmed = entry(id);
    for (let i = 0; i < PROBES; i++) probe();
    for (let spent = 0; spent < WARM_MS; spent += warmed.ms * warmed.calls) {
      warmed.ms = (await time(warmed.task, warmed.calls)).ns / 1e6;
      warmed.calls = Math.max(1, Math.round(ROUND_MS / warmed.ms));
    }
  },
  /**
   * The time in which it had a core, without other programs beside it: otherwise the measurement would include them. Calls that
   * take longer than a core is given to one program are always interrupted, so the time in which others had the core is taken off.
   */
  async round({ id }: { id: string }): Promise<number> {
    const { task, calls, ms } = entry(id);
    let best = { ns: 0, running: 1, disturbance: Number.POSITIVE_INFINITY };
    const start = performance.now();
    do {
      if (ms < UNCACHED_MS) await time(task, 1);
      const { ns, running, shared } = await time(task, calls);
      const disturbance = Math.max(shared / SHARED, RUNNING / running);
      if (disturbance < best.disturbance) best = { ns, running, disturbance };
    } while (best.disturbance > 1 && performance.now() - start < PATIENCE_MS);
    return best.ns * Math.min(1, best.running);
  },
  async free({ id }: { id: string }) {
    await entry(id).task.free();
    tasks.delete(id);
  },
} satisfies { [K in keyof Answers]: (request: never) => Promise<Answers[K]> };

// This process ends when the other one does, because only the channel to it keeps this one alive.
process.on("message", async (request: Request) => {
  let answer: Answer;
  try {
    const value = await handlers[request.do](request as never);
    answer = { value };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(answer);
});
