/** Threads, wherever the package runs: the same bytes for any number of them, and one thread where a host has no more. */
import type { Kernels } from "adanorm";
import * as adanorm from "adanorm";
import type { LIMITS } from "../../src/threads/limits.ts";
import committed from "../digest.json" with { type: "json" };
import { digest } from "../digest.ts";
import { assert, type Test } from "./tally.ts";

/** LIMITS of the package's threads.js, the copy that its entries import. */
export type Limits = typeof LIMITS;

const SIZE = 64;
const ROWS = 200;

/** y of some rows, in matrices. */
export function compute(kernels: Kernels): string {
  const values = Float32Array.from({ length: ROWS * SIZE }, (_, i) => ((i * 37) % 101) - 50);
  const x = kernels.matrix(values, SIZE);
  const { y } = kernels.adaNorm({ size: SIZE }).forward(x);
  const text = y.toArray().join();
  for (const matrix of [x, y]) matrix.free();
  return text;
}

/** What {@link compute} gives without threads. */
export async function wanted(): Promise<string> {
  return compute(await adanorm.load());
}

/** Has every call shared that has two rows. */
export function shareAll(limits: Limits): void {
  Object.assign(limits, { learns: false, small: 0, large: 0, block: 0 });
}

/** Whether load({ threads }) gives threads here. */
export async function hasThreads(): Promise<boolean> {
  const kernels = await adanorm.load({ threads: 2 });
  const { threads } = kernels;
  kernels.close();
  return threads === 2;
}

export async function testThreads(test: Test, limits: Limits): Promise<void> {
  shareAll(limits);
  for (const threads of [2, 3, 5, 8]) {
    await test(`the digest with ${threads} threads`, async () => {
      const kernels = await adanorm.load({ threads });
      assert(kernels.threads === threads, `${threads} threads were asked for, there are ${kernels.threads}`);
      const actual = await digest(kernels, "matrices");
      assert(kernels.threads === threads, `${kernels.threads} of ${threads} threads are left`);
      kernels.close();
      assert(kernels.threads === 1, `after close() there are ${kernels.threads} threads`);
      assert(JSON.stringify(actual) === JSON.stringify(committed), `other bytes: ${JSON.stringify(actual)}`);
      assert(compute(kernels) === (await wanted()), "other bytes after close()");
    });
  }
}

export async function testOneThread(test: Test): Promise<void> {
  await test("load({ threads }) gives one thread, at once", async () => {
    const start = performance.now();
    const kernels = await adanorm.load({ threads: 4 });
    const seconds = (performance.now() - start) / 1000;
    assert(kernels.threads === 1, `there are ${kernels.threads} threads`);
    // Not when the time is over in which a worker must answer.
    assert(seconds < 5, `it took ${seconds.toFixed(1)} s`);
    assert(compute(kernels) === (await wanted()), "other bytes");
    kernels.close();
    assert(compute(kernels) === (await wanted()), "other bytes after close()");
  });
}
