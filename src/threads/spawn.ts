/** Starts the workers of a team, in browsers and Bun, or in Node and Deno. */
import { typeError } from "../checks.js";
import { READY, START, type Start } from "./control.js";
import { type ThreadWorker, workerThreads } from "./host.js";
import { LIMITS } from "./limits.js";

/** Listens to a worker, whichever API it has. `value` is a message, an error, or an exit code. */
function listen(worker: ThreadWorker, type: "message" | "error" | "exit", listener: (value: unknown) => void): void {
  if (worker.addEventListener) {
    worker.addEventListener(type === "exit" ? "close" : type, (event) => {
      // An error that is noticed here needs no line in the console of the page.
      if (type === "error") event.preventDefault?.();
      listener(event.data);
    });
  } else {
    worker.on?.(type, listener);
  }
}

/** Makes a worker that runs thread.js, which lies beside this file. Undefined if the host has none. */
export function makeWorker(): ThreadWorker | undefined {
  // Deno has both kinds, but a Worker of the web's API keeps its process from ending, even after terminate().
  if (typeof Worker === "function" && !("Deno" in globalThis)) {
    // Bundlers look for just these words.
    return new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
  }
  const here = import.meta.url;
  const NodeWorker = workerThreads()?.Worker;
  // Not the options of this process: --input-type or a loader would stand in the way of this file, or take time.
  return NodeWorker && new NodeWorker(new URL("./thread.js", here), { execArgv: [] });
}

/** Calls the function that the user gave. Throws if it returns something else; undefined if it throws. */
export function callCreateWorker(createWorker: () => unknown): ThreadWorker | undefined {
  let made: unknown;
  try {
    made = createWorker();
  } catch {
    // A policy may forbid workers.
    return undefined;
  }
  const { postMessage, terminate, addEventListener, on } = Object(made);
  const isWorker = typeof postMessage === "function" && typeof terminate === "function" && (addEventListener || on);
  if (!isWorker) throw typeError("load", "createWorker", "a function that returns a Worker", made);
  return made as ThreadWorker;
}

/** Starts a worker, and resolves to whether it is ready to work. `onEnd` is called if it ends later. */
export function startWorker(worker: ThreadWorker, start: Omit<Start, "adanorm">, onEnd: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(settle, LIMITS.answer, false);
    function settle(isReady: boolean): void {
      clearTimeout(timer);
      if (isReady) worker.unref?.();
      resolve(isReady);
    }
    listen(worker, "message", (message) => {
      if (message === READY) settle(true);
    });
    for (const type of ["error", "exit"] as const) {
      listen(worker, type, () => {
        settle(false);
        onEnd();
      });
    }
    try {
      const message: Start = { adanorm: START, ...start };
      worker.postMessage(message);
    } catch {
      // A page that is not isolated cannot share memory.
      settle(false);
    }
  });
}
