/** The worker of the playground. The kernels and everything that computes is here, so that the page stays free. */
import { type Kernels, load } from "adanorm";
import { look } from "./look/look.ts";
import { type MeasureResult, measure } from "./measure/measure.ts";
import type { Answer, Request } from "./messages.ts";
import { fetchDigits, type TrainingData } from "./training/digits.ts";
import { TrainingSession } from "./training/session.ts";

/** How long a training runs at a time, before the worker looks whether there are other messages. */
const TURN_MILLISECONDS = 60;

/** How often the page hears of a training that catches up. */
const CATCH_UP_MILLISECONDS = 300;

const tell = (answer: Answer) => postMessage(answer);

/** Those of one thread, for everything but measurements. */
let single: Promise<Kernels> | undefined;
const kernelsOfOne = () => {
  single ??= load();
  return single;
};

/** Those of the last measurement with threads. */
let threaded: { asked: number; kernels: Kernels } | undefined;

async function kernelsOf(threads: number): Promise<Kernels> {
  if (threads === 1) return kernelsOfOne();
  if (threaded?.asked !== threads) {
    threaded?.kernels.close();
    threaded = { asked: threads, kernels: await load({ threads }) };
  }
  return threaded.kernels;
}

let digits: Promise<TrainingData> | undefined;
let session: TrainingSession | undefined;
let run = 0;
let isRunning = false;
/** Where a training rests. Until it has caught up, nothing is shown of it. */
let until = 0;
let frameMilliseconds = 0;
let shownAt = 0;
/** The last request to measure or to stop. A measurement that is not the last one ends. */
let measurement = 0;

function show(withGradients: boolean): void {
  if (!session) return;
  const isCatchingUp = session.step < until;
  const resting = session.isOver ? "over" : "resting";
  const state = isCatchingUp ? "catching up" : isRunning ? "running" : resting;
  shownAt = performance.now();
  tell({ kind: "frame", run, frame: session.frame(withGradients), state });
}

/** Trains for a turn, and plans the next. */
function turn(current: TrainingSession): void {
  if (current !== session) return;
  const isCatchingUp = current.step < until;
  if (!isCatchingUp && !isRunning) return;
  const end = performance.now() + TURN_MILLISECONDS;
  while (performance.now() < end && !current.isOver && (isRunning || current.step < until)) current.advance();
  if (current.isOver) {
    isRunning = false;
    until = 0;
  }
  const isResting = !isRunning && current.step >= until;
  if (isResting || performance.now() - shownAt >= frameMilliseconds) show(isResting || isRunning);
  if (!isResting) setTimeout(turn, 0, current);
}

async function train(request: Extract<Request, { kind: "train" }>): Promise<void> {
  session = undefined;
  isRunning = false;
  run = request.run;
  const mine = run;
  digits ??= fetchDigits(request.digitsUrl).catch((error) => {
    // So that the next try asks again.
    digits = undefined;
    throw error;
  });
  const [kernels, data] = await Promise.all([kernelsOfOne(), digits]);
  if (mine !== run) return;
  session = new TrainingSession(kernels, data, request.settings);
  until = request.until;
  frameMilliseconds = CATCH_UP_MILLISECONDS;
  show(true);
  turn(session);
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case "train":
      return train(request);
    case "go":
      if (!session || isRunning) return;
      isRunning = true;
      until = 0;
      ({ frameMilliseconds } = request);
      return turn(session);
    case "pause":
      isRunning = false;
      until = 0;
      return show(true);
    case "step":
      session?.advance();
      return show(true);
    case "hold":
      if (!session) return;
      session.hold(request.held);
      tell({ kind: "held", run, held: session.settings.held });
      return show(true);
    case "look":
      return tell({ kind: "look", result: look(await kernelsOfOne(), request.settings) });
    case "stop":
      measurement += 1;
      return;
    case "measure": {
      measurement += 1;
      const mine = measurement;
      const kernels = await kernelsOf(request.settings.threads);
      let last: MeasureResult | undefined;
      for await (const result of measure(kernels, request.settings)) {
        if (mine !== measurement) return;
        last = result;
        tell({ kind: "measure", run: request.run, result, done: false });
      }
      if (last) tell({ kind: "measure", run: request.run, result: last, done: true });
    }
  }
}
const fail = (error: unknown) =>
  tell({ kind: "error", message: error instanceof Error ? error.message : String(error) });

/** Requests for a training wait until it has begun. Others need not wait for it, nor it for them. */
let training = Promise.resolve();
const OF_TRAINING: readonly Request["kind"][] = ["train", "go", "pause", "step", "hold"];

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if (OF_TRAINING.includes(data.kind)) training = training.then(() => answer(data)).catch(fail);
  else answer(data).catch(fail);
});
