/** The process of one run. It receives the settings, sends the number of steps done from time to time, and then the result. */
import { setImmediate as immediately } from "node:timers/promises";
import { startEngine } from "./engine.ts";
import { ready } from "./norms.ts";
import type { TaskName } from "./plans.ts";
import type { Result, Settings } from "./result.ts";
import { openAtis } from "./tasks/atis.ts";
import { openBrown } from "./tasks/brown.ts";
import { openEwt } from "./tasks/ewt.ts";
import { openMnist } from "./tasks/mnist.ts";
import { openMobyDick } from "./tasks/moby-dick.ts";
import type { Open } from "./tasks/task.ts";
import { train } from "./training.ts";

export type Message = { steps: number } | { result: Result } | { error: string };

const OPEN: Record<TaskName, Open> = {
  mnist: openMnist,
  "moby-dick": openMobyDick,
  brown: openBrown,
  ewt: openEwt,
  atis: openAtis,
};

const REPORT_EVERY = 250;

/** Resolves when the message has been sent, so that the process does not end before. */
function send(message: Message): Promise<void> {
  return new Promise((sent) => {
    process.send?.(message, () => sent());
  });
}

async function run(settings: Settings): Promise<void> {
  await startEngine();
  await ready();
  let reported = performance.now();
  const result = await train(settings, OPEN[settings.task](settings.plan), async (steps) => {
    const now = performance.now();
    if (now - reported < REPORT_EVERY) return;
    reported = now;
    await send({ steps });
    // Lets the process notice that it is not needed any more.
    await immediately();
  });
  await send({ result });
}

// Ctrl-C reaches all processes of a terminal at once. The parent process ends this one.
process.on("SIGINT", () => {});

// The parent process has ended.
process.on("disconnect", () => process.exit());

process.once("message", async (settings: Settings) => {
  try {
    await run(settings);
  } catch (error) {
    await send({ error: (error as Error).stack ?? String(error) });
  }
  process.disconnect();
});
