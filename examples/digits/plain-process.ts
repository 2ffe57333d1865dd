/**
 * Times the plain loops in a separate process. timing.ts starts it and says what to run.
 *
 * In the process that uses the kernels these loops would take a third longer. When a WebAssembly memory grows, its
 * ArrayBuffer is detached, and from the first detached buffer on V8 checks every access to every typed array of the
 * process.
 */
import type { NormChoice } from "./contenders.ts";
import { type PlainBatch, plainBackward, plainForward } from "./plain.ts";

/** What a norm's plain loops need to know of it. */
export type PlainChoice = Pick<NormChoice, "name" | "affine">;

/** A request: new rows to work on, or one more round on them. */
export type PlainRequest = { choice: PlainChoice; batch: PlainBatch } | "round";

/** The answer to each request: the milliseconds of that round; zeros for new rows. */
export interface PlainAnswer {
  forward: number;
  backward: number;
}

let task: { choice: PlainChoice; batch: PlainBatch } | undefined;

function round(): PlainAnswer {
  if (!task) throw new Error("a round was asked for before there were rows");
  const start = performance.now();
  plainForward(task.choice, task.batch);
  const between = performance.now();
  plainBackward(task.choice, task.batch);
  return { forward: between - start, backward: performance.now() - between };
}

// This process ends when the other one does, because only the channel to it keeps this one alive.
process.on("message", (request: PlainRequest) => {
  let answer: PlainAnswer = { forward: 0, backward: 0 };
  if (request === "round") answer = round();
  else task = request;
  process.send?.(answer);
});
