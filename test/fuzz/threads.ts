/** Random cases with threads: every call is shared, and now and then a thread is ended in the middle of them. */
import { Worker } from "node:worker_threads";
import { type Kernels, load } from "adanorm";
// What index.js imports on demand.
import { LIMITS } from "../../build/threads.js";
import { Random } from "../accuracy/random.ts";
import { forgetKernels, setting } from "./check.ts";

const THREAD = new URL("../../build/thread.js", import.meta.url);

/** One case in so many ends a thread. */
const SELDOM = 400;

/** The threads of the present kernels that are still to be ended. */
let workers: Worker[] = [];
let kernels: Kernels | undefined;

function createWorker(): Worker {
  const worker = new Worker(THREAD, { execArgv: [] });
  workers.push(worker);
  return worker;
}

/** Has the cases of a chunk use kernels of their own, with 2 to `most` threads. Counts the threads that are ended. */
export async function useThreads(seed: number, most: number, counts: Record<string, number>): Promise<void> {
  kernels?.close();
  workers = [];
  Object.assign(LIMITS, { learns: false, small: 0, large: 0, block: 0, patience: 300 });
  const random = new Random(`threads ${seed}`);
  const threads = 2 + random.integer(most - 1);
  const made = await load({ threads, createWorker });
  if (made.threads !== threads) throw new Error(`${threads} threads were asked for, there are ${made.threads}`);
  kernels = made;
  setting.makeKernels = () => made;
  setting.beforeCase = () => {
    if (workers.length === 0 || random.integer(SELDOM) > 0) return;
    counts.ended = (counts.ended ?? 0) + 1;
    workers.splice(random.integer(workers.length), 1)[0]?.terminate();
  };
  forgetKernels();
}

/** Ends the threads of the last chunk. */
export function endThreads(): void {
  kernels?.close();
}
