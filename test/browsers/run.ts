/**
 * The portable suite and the checks of threads in browsers, on a page and in a Web Worker, with the files of the package
 * served as they are: not bundled, under a strict Content-Security-Policy. With CI=true all browsers must be there; otherwise it uses those that are.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { broken, finish, judge, makeProject, missing, type Project } from "../portable/project.ts";
import type { Report } from "../portable/suite.ts";
import { chromium } from "./chromium.ts";
import { alarm, type Browser, type Driver, lacks } from "./driver.ts";
import { firefox, firefoxAlone } from "./firefox.ts";
import { buildPages } from "./pages.ts";
import { type Finding, POLICY, type Server, serve } from "./server.ts";
import { webkit } from "./webkit.ts";

const START_S = 60;
const LIMIT_S = 120;
const CLOSE_MS = 10_000;

/** Where the checks run: a suffix for the name of the browser, and the page for it. */
const PLACES = [
  { suffix: "", path: "/page" },
  { suffix: ", in a Web Worker", path: "/worker" },
];

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const WITHOUT_WORKERS = POLICY.replace("worker-src 'self'", "worker-src 'none'");

/** One page of a place. */
interface Visit {
  /** What is special about its server, for the names of failed checks. */
  where: string;
  server: Server;
  checks: "suite" | "threads" | "one thread";
  /** Nothing is tried that fails, so nothing may be in the console. */
  isQuiet?: boolean;
}

const interruption = new AbortController();

/** Opens a page, waits for what it finds, and puts the name of the visit before that of each failure. */
async function open(browser: Browser, path: string, visit: Visit): Promise<Finding> {
  const { where, server, checks, isQuiet } = visit;
  const { raised: over, raise } = alarm();
  const timer = setTimeout(raise, LIMIT_S * 1000, `${where}: no report within ${LIMIT_S} s`);
  try {
    const report = server.report();
    const opened = browser.open(`${server.url}${path}?checks=${checks}`).then(() => report);
    const finding = await Promise.race([report, opened, browser.gone, over]);
    // The page has no icon, and the policy allows none.
    const written = browser.written()?.filter((line) => !line.includes("favicon.ico")) ?? [];
    const failed = isQuiet ? written.map((error) => ({ name: "nothing is in the console", error })) : [];
    const all = [...finding.failed, ...failed].map(({ name, error }) => ({ name: `${where}: ${name}`, error }));
    return { ...finding, failed: all };
  } finally {
    clearTimeout(timer);
  }
}

/** The pages of a place, in a separate browser, so that one that hangs or crashes affects nothing else. */
async function visitPlace(driver: Driver, name: string, path: string, visits: Visit[], home: string): Promise<void> {
  const { raised: over, raise } = alarm();
  interruption.signal.addEventListener("abort", () => raise("interrupted"));
  const timer = setTimeout(raise, START_S * 1000, `not started within ${START_S} s`);
  const started = driver.start(home);
  try {
    const browser = await Promise.race([started, over]);
    clearTimeout(timer);
    let passed = 0;
    const failed: Finding["failed"] = [];
    let threads = false;
    let suite: Report | undefined;
    for (const visit of visits) {
      const finding = await Promise.race([open(browser, path, visit), over]);
      passed += finding.passed;
      failed.push(...finding.failed);
      threads ||= finding.threads;
      if ("digest" in finding) suite = finding;
    }
    judge(name, browser.version, { ...(suite as Report), passed, failed, threads });
  } catch (error) {
    broken(name, error);
  } finally {
    clearTimeout(timer);
    const closed = started.then((browser) => browser.close());
    await Promise.race([closed, delay(CLOSE_MS)]).catch(() => {});
  }
}

async function visitAll(project: Project): Promise<void> {
  await buildPages(project);
  const { folder } = project;
  const plain = await serve(folder);
  const isolated = await serve(folder, ISOLATED);
  const threadless = await serve(folder, ISOLATED, "thread.js");
  const workerless = await serve(folder, { ...ISOLATED, "content-security-policy": WITHOUT_WORKERS });
  for (const driver of [chromium, firefox, webkit]) {
    for (const { suffix, path } of PLACES) {
      const name = driver.name + suffix;
      const { hasThreads } = driver;
      const visits: Visit[] = [
        { where: "not isolated", server: plain, checks: "one thread", isQuiet: true },
        { where: "isolated", server: isolated, checks: hasThreads ? "threads" : "one thread", isQuiet: true },
        { where: "without thread.js", server: threadless, checks: "one thread" },
        { where: "not isolated", server: plain, checks: "suite" },
      ];
      // Such a page has no worker to run the checks in.
      if (path === "/page") visits.push({ where: "without workers", server: workerless, checks: "one thread" });
      const used = driver === firefox && path === "/worker" ? firefoxAlone : driver;
      if (interruption.signal.aborted) broken(name, "interrupted");
      else if (lacks(driver)) missing(name, `apt-get install ${driver.packages.join(" ")}`);
      else await visitPlace(used, name, path, visits, mkdtempSync(join(folder, "home-")));
    }
  }
  for (const server of [plain, isolated, threadless, workerless]) await server.close();
}

const start = performance.now();
const project = makeProject("browsers");
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => interruption.abort());
try {
  await visitAll(project);
} finally {
  project.remove();
}
console.log(`${Math.round((performance.now() - start) / 1000)} s`);
finish();
// A browser that does not close neither keeps this process from ending nor outlives it.
process.exit();
