/** What is used of the workers of a host: those of the web's API, or those of node:worker_threads. */

export interface ThreadWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** Lets the process end. The web's API has none. */
  unref?(): void;
  addEventListener?(type: string, listener: (event: { data?: unknown; preventDefault?(): void }) => void): void;
  /** As node:worker_threads has it, in place of addEventListener. */
  on?(type: string, listener: (value: unknown) => void): void;
}

/** A worker's way to the thread that made it. */
export interface Port {
  postMessage(message: unknown): void;
  addEventListener?(type: "message", listener: (event: { data: unknown }) => void): void;
  on?(type: "message", listener: (data: unknown) => void): void;
  /** Ends the worker, once it has nothing to do. */
  close(): void;
}

interface WorkerThreads {
  readonly Worker: new (file: URL, options: { execArgv: string[] }) => ThreadWorker;
  /** null on the main thread. */
  readonly parentPort: Port | null;
}

/**
 * node:worker_threads, in Node 20.16 and later and in Deno. It is not imported: webpack refuses an import of `node:` in code for
 * pages, and looks for modules of its own if the name is in a variable.
 */
export function workerThreads(): WorkerThreads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): WorkerThreads | undefined } };
  return process?.getBuiltinModule?.("node:worker_threads");
}
