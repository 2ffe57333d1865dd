/** Checks of threads in a page or a worker, on servers that let them be or do not. */
import type * as MainEntry from "../../src/index.ts";
import type * as UrlEntry from "../../src/url.ts";
import { assert, Tally } from "../portable/tally.ts";
import { compute, hasThreads, type Limits, shareAll, testOneThread, testThreads, wanted } from "../portable/threads.ts";

/** What a visit finds. */
export interface ThreadReport extends Pick<Tally, "passed" | "failed"> {
  threads: boolean;
}

/** A file of the package that lies beside its main entry. */
const beside = (file: string): string => new URL(file, new URL(PACKAGE.main, location.href)).href;

const ofMain = (): Promise<typeof MainEntry> => import(PACKAGE.main);
const ofUrl = (): Promise<typeof UrlEntry> => import(PACKAGE.url);

async function isShared(load: (typeof MainEntry)["load"]): Promise<void> {
  const kernels = await load({ threads: 2 });
  assert(kernels.threads === 2, `there are ${kernels.threads} threads`);
  assert(compute(kernels) === (await wanted()), "other bytes");
  kernels.close();
}

/** Fails if calls wait on the main thread of a page. The engine refuses that too, but code that tries and goes on is slow. */
async function testNoWaiting(): Promise<void> {
  const { wait } = Atomics;
  let waits = 0;
  Atomics.wait = () => {
    waits += 1;
    throw new TypeError("the main thread of a page must not wait");
  };
  try {
    const kernels = await (await ofMain()).load({ threads: 3 });
    // Whether a thread may wait is found out by trying, once.
    waits = 0;
    const expected = await wanted();
    for (let i = 0; i < 200; i++) assert(compute(kernels) === expected, "other bytes");
    assert(kernels.threads === 3, `there are ${kernels.threads} threads`);
    assert(waits === 0, `it tried to wait ${waits} times`);
    kernels.close();
  } finally {
    Atomics.wait = wait;
  }
}

/** A page is told nothing of a worker that somebody terminates. */
async function testTerminated(limits: Limits): Promise<void> {
  const usual = { ...limits };
  Object.assign(limits, { patience: 150, unseen: 300 });
  try {
    const workers: Worker[] = [];
    const createWorker = () => {
      const worker = new Worker(beside("thread.js"), { type: "module" });
      workers.push(worker);
      return worker;
    };
    const kernels = await (await ofMain()).load({ threads: 3, createWorker });
    assert(kernels.threads === 3, `there are ${kernels.threads} threads`);
    const expected = await wanted();
    workers[0]?.terminate();
    const end = performance.now() + 20_000;
    while (kernels.threads === 3 && performance.now() < end) {
      assert(compute(kernels) === expected, "other bytes");
      // It ends only when this thread does something else.
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert(kernels.threads < 3, "a worker that was terminated counts as a thread");
    assert(compute(kernels) === expected, "other bytes with the threads that are left");
    kernels.close();
  } finally {
    Object.assign(limits, usual);
  }
}

/** On an isolated page. */
export async function checkThreads(): Promise<ThreadReport> {
  const tally = new Tally();
  const { test } = tally;
  const { LIMITS } = (await import(beside("threads.js"))) as { LIMITS: Limits };
  const threads = await hasThreads();
  await test("load({ threads }) gives threads", () => assert(threads, "it gives one"));
  await testThreads(test, LIMITS);
  shareAll(LIMITS);
  await test("load of adanorm/url gives threads", async () => isShared((await ofUrl()).load));
  if (typeof document === "object") await test("calls never wait on the main thread", testNoWaiting);
  await test("a worker that is terminated is noticed, and nothing is lost", () => testTerminated(LIMITS));
  return { passed: tally.passed, failed: tally.failed, threads };
}

/** Where there can be no threads. */
export async function checkOneThread(): Promise<ThreadReport> {
  const tally = new Tally();
  const errors: string[] = [];
  for (const type of ["error", "unhandledrejection"])
    addEventListener(type, (event) => errors.push(String((event as ErrorEvent).message ?? type)));
  await testOneThread(tally.test);
  await tally.test("load of adanorm/url gives one thread too", async () => {
    const kernels = await (await ofUrl()).load({ threads: 2 });
    assert(kernels.threads === 1, `there are ${kernels.threads} threads`);
    assert(compute(kernels) === (await wanted()), "other bytes");
  });
  await tally.test("no error reaches the page", () => assert(errors.length === 0, errors.join()));
  return { passed: tally.passed, failed: tally.failed, threads: false };
}
