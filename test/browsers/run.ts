/**
 * The portable suite in browsers, on a page and in a Web Worker, with the files of the package served as they are: not
 * bundled, under a strict Content-Security-Policy. With CI=true all browsers must be there; otherwise it uses those that are.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { broken, finish, judge, makeProject, missing, type Project } from "../portable/project.ts";
import { chromium } from "./chromium.ts";
import { alarm, type Driver, lacks } from "./driver.ts";
import { firefox } from "./firefox.ts";
import { buildPages } from "./pages.ts";
import { type Server, serve } from "./server.ts";
import { webkit } from "./webkit.ts";

const LIMIT_S = 120;
const CLOSE_MS = 10_000;

/** Where the suite runs: a suffix for the name of the browser, and the page for it. */
const PLACES = [
  { suffix: "", path: "/page" },
  { suffix: ", in a Web Worker", path: "/worker" },
];

const interruption = new AbortController();

/** In a separate browser, so that a browser that hangs or crashes affects nothing else. */
async function visit(driver: Driver, name: string, url: string, server: Server, home: string): Promise<void> {
  const { raised: over, raise } = alarm();
  const timer = setTimeout(raise, LIMIT_S * 1000, `no report within ${LIMIT_S} s`);
  interruption.signal.addEventListener("abort", () => raise("interrupted"));
  const started = driver.start(home);
  try {
    const browser = await Promise.race([started, over]);
    const report = server.report();
    const opened = browser.open(url).then(() => report);
    judge(name, browser.version, await Promise.race([report, opened, browser.gone, over]));
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
  const server = await serve(project.folder);
  for (const driver of [chromium, firefox, webkit]) {
    for (const { suffix, path } of PLACES) {
      const name = driver.name + suffix;
      if (interruption.signal.aborted) broken(name, "interrupted");
      else if (lacks(driver)) missing(name, `apt-get install ${driver.packages.join(" ")}`);
      else await visit(driver, name, server.url + path, server, mkdtempSync(join(project.folder, "home-")));
    }
  }
  await server.close();
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
