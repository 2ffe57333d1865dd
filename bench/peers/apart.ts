/**
 * Two threads that share nothing: each has kernels, batches and a call of its own, and a run is half of the time in which both are
 * done. What it takes beside one thread tells how much a second processor is worth on this machine, at this moment.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import type { ForwardJob, Job, TimedTask } from "../job.ts";
import { open as openPeer } from "./adanorm.ts";
import { versionOf } from "./version.ts";

/** Words that the threads share: how many rounds were begun, how many the other has done, and how many calls are in one. */
const [BEGUN, DONE, CALLS] = [0, 1, 2] as const;

interface Start {
  job: ForwardJob;
  control: Int32Array;
}

async function taskOf(job: Job) {
  return (await openPeer(undefined)).prepare(job);
}

async function serve({ job, control }: Start): Promise<void> {
  const task = await taskOf(job);
  if ("time" in task) return;
  Atomics.store(control, DONE, 1);
  Atomics.notify(control, DONE);
  for (let round = 1; ; round++) {
    while (Atomics.load(control, BEGUN) < round) Atomics.wait(control, BEGUN, round - 1);
    for (let i = 0; i < (control[CALLS] as number); i++) task.run();
    Atomics.store(control, DONE, round + 1);
    Atomics.notify(control, DONE);
  }
}

function waitFor(control: Int32Array, done: number): void {
  for (let seen = Atomics.load(control, DONE); seen < done; seen = Atomics.load(control, DONE)) {
    Atomics.wait(control, DONE, seen);
  }
}

export async function open() {
  return {
    version: versionOf("../../package.json"),
    async prepare(job: Job): Promise<TimedTask> {
      const own = await taskOf(job);
      if ("time" in own) throw new Error("a task that times itself");
      const control = new Int32Array(new SharedArrayBuffer(12));
      const worker = new Worker(new URL(import.meta.url), { workerData: { job, control }, execArgv: process.execArgv });
      worker.unref();
      waitFor(control, 1);
      let round = 0;
      return {
        async time(calls) {
          control[CALLS] = calls;
          const start = process.hrtime.bigint();
          round++;
          Atomics.store(control, BEGUN, round);
          Atomics.notify(control, BEGUN);
          for (let i = 0; i < calls; i++) own.run();
          waitFor(control, round + 1);
          const ns = Number(process.hrtime.bigint() - start);
          return { ns: ns / calls / 2, running: 1, shared: 1 };
        },
        result: () => own.result(),
        free() {
          own.free();
          void worker.terminate();
        },
      };
    },
  };
}

if (!isMainThread && workerData?.control) await serve(workerData as Start);
