/** A program that runs beside the test and must not outlive it. */
import { type ChildProcess, spawn } from "node:child_process";

const GRACE_MS = 3000;

export class Program {
  readonly #process: ChildProcess;
  readonly #tell: number | undefined;
  /** Resolves with the reason when the program has ended or could not be started. */
  readonly ended: Promise<string>;
  readonly #endAtExit = () => this.#kill("SIGTERM");

  /** @param tell the number of a file descriptor that the program writes to, for {@link told}. */
  constructor(command: string, args: string[], env: Record<string, string> = {}, tell?: number) {
    this.#process = spawn(command, args, {
      // A separate process group, so that everything that the program starts can be ended with it.
      detached: true,
      env: { ...process.env, ...env },
      stdio: Array.from({ length: (tell ?? 2) + 1 }, (_, fd) => (fd === tell ? "pipe" : "ignore")),
    });
    this.#tell = tell;
    process.once("exit", this.#endAtExit);
    this.ended = new Promise((resolve) => {
      this.#process.once("error", (error) => resolve(error.message));
      this.#process.once("exit", (code, signal) => resolve(`${command} ended: ${signal ?? `exit ${code}`}`));
    });
  }

  /** The first line that it writes to the descriptor. */
  told(): Promise<string> {
    return new Promise((resolve, reject) => {
      const stream = this.#process.stdio[this.#tell as number] as NodeJS.ReadableStream;
      stream.once("data", (chunk) => resolve(String(chunk).trim()));
      this.ended.then((how) => reject(new Error(how)));
    });
  }

  /** Ends it and all that it started. */
  async stop(): Promise<void> {
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
    // Processes that it started may still run.
    this.#kill("SIGKILL");
    process.off("exit", this.#endAtExit);
  }

  #kill(signal: NodeJS.Signals): void {
    try {
      if (this.#process.pid) process.kill(-this.#process.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
