/** The other end of worker.ts: a peer in a process of its own, on this Node or on another. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Answers, Request } from "./worker.ts";

/** Node 24, if it is installed. */
export const NODE_24 = fileURLToPath(new URL("node_modules/node24/bin/node", import.meta.url));

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

export class PeerProcess {
  readonly #process: ChildProcess;

  private constructor(node: string) {
    this.#process = fork(worker, { execPath: node, serialization: "advanced" });
  }

  /** @throws Error when the peer does not load. */
  static async start(node: string, peer: string, variant: string | undefined) {
    const started = new PeerProcess(node);
    try {
      return { process: started, about: await started.ask({ do: "open", peer, variant }) };
    } catch (error) {
      started.close();
      throw error;
    }
  }

  /** One request at a time. */
  ask<R extends Request>(request: R): Promise<Answers[R["do"]]> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#process.off("exit", ended).off("error", reject).off("message", answered);
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
      if (!this.#process.connected) return reject(new Error("its process has ended"));
      this.#process.once("exit", ended).once("error", reject).once("message", answered);
      this.#process.send(request);
    });
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}
