/** Compiled with Node's types, whose Worker is not the web's. */
import { Worker } from "node:worker_threads";
import { type Kernels, load } from "adanorm";

export function use(): Promise<Kernels> {
  const thread = new URL(import.meta.resolve("adanorm/thread"));
  return load({ threads: 2, createWorker: () => new Worker(thread, { execArgv: [] }) });
}

// @ts-expect-error: a worker that is still to come
load({ createWorker: async () => new Worker("thread.js") });
