/** The runtimes, and how each of them runs the suite. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "../portable/suite.ts";
import { bundleWorker } from "./bundle.ts";
import { output } from "./child.ts";

const TIMEOUT_MS = 120_000;
const FUZZ_TIMEOUT_MS = 600_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const packages = join(here, "node_modules");

export interface Answer {
  version: string;
  report: Report;
}

export interface Runtime {
  name: string;
  /** A file that exists only if the runtime is on this machine. */
  needs: string;
  /** Runs the suite in a project. */
  run(folder: string): Promise<Answer>;
}

/** Without the settings of the user or the caller, without colours, and without reports or questions. */
function environment(folder: string): Record<string, string> {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    TMPDIR: home,
    NO_COLOR: "1",
    DO_NOT_TRACK: "1",
    DENO_NO_UPDATE_CHECK: "1",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
  };
}

/** The JSON that a command prints. */
async function json<T>(folder: string, command: string, ...args: string[]): Promise<T> {
  const text = await output({ command, args, cwd: folder, env: environment(folder), timeoutMs: TIMEOUT_MS });
  return JSON.parse(text);
}

/** Notes in the report whether a process with threads ends by itself. `args` run a file. */
async function testEnd(folder: string, report: Report, command: string, ...args: string[]): Promise<void> {
  for (const how of ["close", "leave"]) {
    try {
      const threads = await json(folder, command, ...args, "ends.js", how);
      if (threads !== 3) throw new Error(`there were ${threads} threads, not 3`);
      report.passed += 1;
    } catch (error) {
      const name = `the process ends by itself, ${how === "close" ? "after close()" : "without close()"}`;
      report.failed.push({ name, error: (error as Error).message });
    }
  }
}

/** The suite in a program of Node, Deno or Bun. */
async function runProgram(folder: string, command: string, ...args: string[]): Promise<Answer> {
  const answer = await json<Answer>(folder, command, ...args, "main.js");
  await testEnd(folder, answer.report, command, ...args);
  return answer;
}

/** Notes in the report whether require() gives a package that works. */
async function testRequire(folder: string, command: string, report: Report): Promise<void> {
  try {
    const sum = await json(folder, command, "require.cjs");
    if (sum !== 10) throw new Error(`summed up to ${sum}, not 10`);
    report.passed += 1;
  } catch (error) {
    report.failed.push({ name: 'require("adanorm").load', error: (error as Error).message });
  }
}

function node(major: number): Runtime {
  const command = join(packages, `node${major}/bin/node`);
  return {
    name: `Node ${major}`,
    needs: command,
    async run(folder) {
      const answer = await runProgram(folder, command);
      await testRequire(folder, command, answer.report);
      return answer;
    },
  };
}

/** Random cases with Float16Arrays, which Node has had since 24, on the package as it is built here. */
export const HALVES = {
  name: "Node 24, random cases with Float16Arrays",
  needs: join(packages, "node24/bin/node"),
  /** Gives what the cases print. */
  async run(folder: string): Promise<string> {
    const has = await json(folder, HALVES.needs, "-p", '"Float16Array" in globalThis');
    if (!has) throw new Error("this Node has no Float16Array");
    const args = ["--expose-gc", "--import", "tsx", "test/fuzz/run.ts", "--cases", "20000"];
    return output({ command: HALVES.needs, args, cwd: root, env: environment(folder), timeoutMs: FUZZ_TIMEOUT_MS });
  },
};

const deno = join(packages, "@deno/linux-x64-glibc/deno");
const bun = join(packages, "@oven/bun-linux-x64/bin/bun");

export const RUNTIMES: Runtime[] = [
  ...[20, 22, 24].map(node),
  {
    name: "Deno",
    needs: deno,
    run: (folder) => runProgram(folder, deno, "run", "--no-prompt", "--no-remote", "--no-lock", "--allow-read=."),
  },
  {
    name: "Bun",
    needs: bun,
    run: (folder) => runProgram(folder, bun, "--no-install"),
  },
  {
    name: "workerd, in Miniflare",
    needs: join(packages, "miniflare"),
    async run(folder) {
      const bundle = join(folder, "bundle");
      await bundleWorker(folder, bundle);
      return json(folder, process.execPath, join(here, "miniflare.js"), join(bundle, "worker.js"));
    },
  },
  {
    name: "workerd, in wrangler dev",
    needs: join(packages, "wrangler"),
    run: (folder) => json(folder, process.execPath, join(here, "wrangler.js")),
  },
];
