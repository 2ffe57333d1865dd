/** Child processes that leave nothing running when they end, or when this process ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

export interface Child {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  timeoutMs: number;
}

/** The groups of processes that run. */
const groups = new Set<number>();

function kill(group: number): void {
  groups.delete(group);
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    // No such process: all of them have ended.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

process.on("exit", () => groups.forEach(kill));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/**
 * What a process prints to standard output.
 *
 * @throws Error with its standard error if it fails or takes too long.
 */
export async function output({ command, args, cwd, env, timeoutMs }: Child): Promise<string> {
  // In a separate process group, with everything that it starts.
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const { pid: group } = child;
  if (group !== undefined) groups.add(group);
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      printed[stream] += text;
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (group !== undefined) kill(group);
  }, timeoutMs);
  try {
    // Rejects if it could not be started.
    const closed = once(child, "close");
    const [code, signal] = await Promise.race([once(child, "exit"), closed]);
    // Processes that it left running keep its output open.
    if (group !== undefined) kill(group);
    await closed;
    if (code === 0) return printed.stdout;
    const how = late ? `not done in ${timeoutMs / 1000} s` : (signal ?? `exit code ${code}`);
    throw new Error(`${how}\n${printed.stderr}`.trim());
  } finally {
    clearTimeout(timer);
  }
}
