/** Kernels with threads, for tests: every call that has two rows is shared. */
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Kernels, type LoadOptions, load } from "adanorm";
import { afterAll, afterEach } from "vitest";
// What index.js imports on demand.
import { LIMITS } from "../../build/threads.js";

// On a crowded machine workers may start late.
LIMITS.answer = 60_000;
const usual = { ...LIMITS };

/** Has calls shared that are too small to be worth it, and threads given up sooner. */
export function shareAll(): void {
  Object.assign(LIMITS, { learns: false, small: 0, large: 0, block: 0, patience: 150, unseen: 300 });
}

/** Has calls shared as users have it. */
export function shareLarge(): void {
  Object.assign(LIMITS, usual);
}

const open: Kernels[] = [];

/** Kernels that are closed after the file's tests. */
export async function loadThreads(threads: number, options: LoadOptions = {}): Promise<Kernels> {
  const kernels = await load({ ...options, threads });
  open.push(kernels);
  if (kernels.threads !== threads) throw new Error(`${threads} threads were asked for, there are ${kernels.threads}`);
  return kernels;
}

afterEach(shareLarge);
afterAll(() => {
  for (const kernels of open) kernels.close();
});

/**
 * Runs a call again and again until the one other thread has died in it: whether it gets a block depends on the machine, which may be
 * crowded.
 */
export async function untilAlone(kernels: Kernels, call: () => void): Promise<void> {
  const end = performance.now() + 20_000;
  for (let i = 0; (i < 500 || performance.now() < end) && kernels.threads === 2; i++) {
    call();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  if (kernels.threads !== 1) throw new Error(`one thread was to be left, there are ${kernels.threads}`);
  call();
}

/** A worker whose thread runs `prelude` first, JavaScript that may replace what the thread uses. */
export function workerAfter(prelude: string): Worker {
  const thread = new URL("../../build/thread.js", import.meta.url).href;
  return new Worker(`${prelude}\nimport(${JSON.stringify(thread)});`, { eval: true });
}

/** The file that workers run. */
export const THREAD = fileURLToPath(new URL("../../build/thread.js", import.meta.url));
