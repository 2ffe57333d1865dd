/** The other end of worker.ts: a peer in a process of its own, on this Node or on another. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Answers, Request } from "./worker.ts";

/** Node 24, if it is installed. */
export const NODE_24 = fileURLToPath(new URL("node_modules/node24/bin/node", import.meta.url));

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/**
 * Has Linux' allocator keep the memory of dropped arrays, in all peers alike. Otherwise it gives 3 MB back at some calls and asks for
 * them anew at the next, which takes up to 10 ms on some virtual machines, in some runs of a program and not in others.
 */
const KEEPS_MEMORY = { MALLOC_TRIM_THRESHOLD_: `${2 ** 30}`, MALLOC_MMAP_THRESHOLD_: `${2 ** 25}` };

export class PeerProcess {
  #process: ChildProcess;
  readonly #fork: () => ChildProcess;
  readonly #open: { do: "open"; peer: string; variant: string | undefined };

  private constructor(node: string, peer: string, variant: string | undefined) {
    this.#fork = () =>
      fork(worker, { execPath: node, serialization: "advanced", env: { ...process.env, ...KEEPS_MEMORY } });
    this.#process = this.#fork();
    this.#open = { do: "open", peer, variant };
  }

  /** @throws Error when the peer does not load. */
  static async start(node: string, peer: string, variant: string | undefined) {
    const started = new PeerProcess(node, peer, variant);
    try {
      return { process: started, about: await started.ask(started.#open) };
    } catch (error) {
      started.close();
      throw error;
    }
  }

  /** Ends the process and starts another: the jobs that were prepared are gone. */
  async restart(): Promise<void> {
    this.close();
    this.#process = this.#fork();
    await this.ask(this.#open);
  }

  /** One request at a time. */
  ask<R extends Request>(request: R): Promise<Answers[R["do"]]> {
    const process = this.#process;
    return new Promise((resolve, reject) => {
      const stop = () => {
        process.off("exit", ended).off("error", reject).off("message", answered);
      };
      const ended = (code: number | null, signal: string | null) => {
        stop();
        reject(new Error(`its process ended: ${signal ?? `exit ${code}`}`));
      };
      const answered = (answer: Answer) => {
        stop();
        if ("error" in answer) reject(new Error(answer.error));
        else resolve(answer.value as Answers[R["do"]]);
      };
      if (!process.connected) return reject(new Error("its process has ended"));
      process.once("exit", ended).once("error", reject).once("message", answered);
      process.send(request);
    });
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}
