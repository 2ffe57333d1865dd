/**
 * Two threads that share nothing: each has kernels, batches and a call of its own. What is told is half of the time in which both
 * are done: beside one thread, it tells how much a second processor is worth on this machine, at this moment.
 */
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Job, TimedTask } from "../job.ts";
import { open as openAdanorm } from "./adanorm.ts";
import { versionOf } from "./version.ts";

/** Words that the threads share: how many rounds were begun, how many the other is ready for, and the calls of a round. */
const [BEGUN, READY, CALLS] = [0, 1, 2] as const;

/** The other thread. It is JavaScript, because a worker has no loader for anything else. */
const PROGRAM = `
  const { workerData: { index, rows, size, control } } = require("node:worker_threads");
  import(index).then(({ loadSync }) => {
    const kernels = loadSync();
    const x = kernels.matrix(Float32Array.from({ length: rows * size }, (_, i) => (i * 7919 % 1000) / 500 - 1), size);
    const out = kernels.matrix(rows, size);
    const norm = kernels.adaNorm({ size });
    for (let round = 1; ; round++) {
      Atomics.store(control, ${READY}, round);
      Atomics.notify(control, ${READY});
      while (Atomics.load(control, ${BEGUN}) < round) Atomics.wait(control, ${BEGUN}, round - 1);
      for (let i = 0; i < control[${CALLS}]; i++) norm.forward(x, { out });
    }
  });`;

export async function open() {
  const adanorm = await openAdanorm(undefined);
  const index = new URL("../../build/index.js", import.meta.url).href;
  return {
    version: versionOf("../../package.json"),
    async prepare(job: Job): Promise<TimedTask> {
      if (job.kind !== "forward" || job.norm !== "adaNorm") throw new Error("only a forward pass of adaNorm");
      const { rows, size } = job;
      const own = adanorm.prepare(job);
      const control = new Int32Array(new SharedArrayBuffer(12));
      const worker = new Worker(PROGRAM, { eval: true, workerData: { index, rows, size, control }, execArgv: [] });
      worker.unref();
      // Not asleep: a worker that starts needs this thread's event loop.
      while (Atomics.load(control, READY) === 0) await setTimeout(5);
      let round = 0;
      return {
        async time(calls) {
          round++;
          control[CALLS] = calls;
          const start = process.hrtime.bigint();
          Atomics.store(control, BEGUN, round);
          Atomics.notify(control, BEGUN);
          for (let i = 0; i < calls; i++) own.run();
          while (Atomics.load(control, READY) <= round) Atomics.wait(control, READY, round);
          const ns = Number(process.hrtime.bigint() - start);
          return { ns: ns / calls / 2, running: 1, shared: 1 };
        },
        result: () => own.result(),
        async free() {
          own.free();
          await worker.terminate();
        },
      };
    },
  };
}
