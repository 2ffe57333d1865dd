/** The digest of all results for any number of threads, however these are held up. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Digests, digest } from "../digest.ts";
import { loadThreads, shareAll, workerAfter } from "./support.ts";

const committed = JSON.parse(readFileSync(new URL("../digest.json", import.meta.url), "utf8")) as Digests;

/** Holds a thread up now and then, before it enters, takes a block, or says that it has done one. */
const DELAYS = `
  for (const name of ["add", "sub", "store", "compareExchange"]) {
    const original = Atomics[name];
    Atomics[name] = (...values) => {
      const wait = Math.random() < 0.02 ? Math.random() * 3 : Math.random() < 0.2 ? Math.random() * 0.05 : 0;
      for (const end = performance.now() + wait; performance.now() < end; );
      return original(...values);
    };
  }`;

describe("the digest of all results", () => {
  it.each([2, 3, 5, 8])("is the committed one for matrices and %i threads", async (threads) => {
    const kernels = await loadThreads(threads);
    shareAll();
    expect(await digest(kernels, "matrices")).toEqual(committed);
  });

  it.each(["arrays", "strided arrays", "strided matrices"] as const)("is the committed one for %s", async (route) => {
    const kernels = await loadThreads(3);
    shareAll();
    expect(await digest(kernels, route)).toEqual(committed);
  });

  it("is the committed one where threads are held up at random", async () => {
    const kernels = await loadThreads(3, { createWorker: () => workerAfter(DELAYS) });
    shareAll();
    expect(await digest(kernels, "matrices")).toEqual(committed);
  });
});
