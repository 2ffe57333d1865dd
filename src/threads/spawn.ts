/** Starts the workers of a team, in browsers, Deno and Bun, or in Node. */
import { typeError } from "../checks.js";
import { READY, START, type Start } from "./control.js";
import { LIMITS } from "./limits.js";

/** What is used of a Worker: that of the web's API, or that of node:worker_threads. */
export interface ThreadWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** Lets the process end. The web's API has none. */
  unref?(): void;
  addEventListener?(type: string, listener: (event: { data?: unknown; preventDefault?(): void }) => void): void;
  /** As node:worker_threads has it, in place of addEventListener. */
  on?(type: string, listener: (value: unknown) => void): void;
}

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

/** Makes a worker that runs thread.js, which lies beside this file. */
export async function makeWorker(): Promise<ThreadWorker> {
  if (typeof Worker === "function") {
    // Bundlers look for just these words.
    return new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
  }
  // Bundlers that have no such module must not look for it.
  const name = "node:worker_threads";
  const { Worker: NodeWorker } = await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
  const here = import.meta.url;
  // Not the options of this process: --input-type or a loader would stand in the way of this file, or take time.
  return new NodeWorker(new URL("./thread.js", here), { execArgv: [] });
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
