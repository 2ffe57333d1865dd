/** Runs in separate processes, several at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Result, Settings } from "./result.ts";
import type { Message } from "./run.ts";

const PROGRAM = fileURLToPath(new URL("run.ts", import.meta.url));

export interface Events {
  /** Called with the number of steps of a run that are done. */
  progress(settings: Settings, steps: number): void;
  done(result: Result): void;
}

export class Pool {
  readonly #children = new Set<ChildProcess>();
  #stopped = false;

  /** Ends the runs that are not finished; `runAll` then returns. */
  stop(): void {
    this.#stopped = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #run(settings: Settings, events: Events): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = fork(PROGRAM, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
      this.#children.add(child);
      let failure = "";
      let finished = false;
      // The engine prints its own source before the stack of an error, so the end of the output has the reason.
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        failure = (failure + text).slice(-2000);
      });
      child.on("message", (message: Message) => {
        if ("steps" in message) events.progress(settings, message.steps);
        else if ("error" in message) failure = message.error;
        else {
          finished = true;
          events.done(message.result);
        }
      });
      child.on("error", reject);
      child.on("close", (code, signal) => {
        this.#children.delete(child);
        if (finished || this.#stopped) resolve();
        else {
          const { task, norm, seed } = settings;
          reject(new Error(`${task}, ${norm}, seed ${seed}: ended with ${signal ?? code}\n${failure.trim()}`));
        }
      });
      child.send(settings, (error) => {
        if (error) child.kill("SIGKILL");
      });
    });
  }

  /** @throws Error when a run fails, after the other runs have been stopped. */
  async runAll(runs: readonly Settings[], processes: number, events: Events): Promise<void> {
    const waiting = [...runs];
    const work = async () => {
      for (let next = waiting.shift(); next && !this.#stopped; next = waiting.shift()) await this.#run(next, events);
    };
    const workers = Array.from({ length: processes }, work);
    try {
      await Promise.all(workers);
    } catch (error) {
      this.stop();
      await Promise.allSettled(workers);
      throw error;
    }
  }
}
