/**
 * `npm run test:site`: the code of the pages, their links and their weight; then every control of the playground, in each
 * browser, below a path and under the policy of the pages. Screenshots go to site/out/. With CI=true all browsers must be there;
 * otherwise it uses those that are.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { loadSync } from "adanorm";
import { build } from "esbuild";
import { readModel } from "../../examples/generate/model.js";
import { generate } from "../../examples/generate/text.js";
import { chromium } from "../../test/browsers/chromium.ts";
import { alarm, type Browser, type Driver, lacks } from "../../test/browsers/driver.ts";
import { firefox } from "../../test/browsers/firefox.ts";
import { webkit } from "../../test/browsers/webkit.ts";
import { broken, finish, missing } from "../../test/portable/project.ts";
import { Tally } from "../../test/portable/tally.ts";
import { checkDocuments } from "./documents.ts";
import { checkHands, takePictures } from "./hands.ts";
import { checkLinks } from "./links.ts";
import { ISOLATED, type Report, type SiteServer, serve } from "./server.ts";
import { checkSnippets } from "./snippets.ts";

const START_S = 60;
const VISIT_S = 400;
const CLOSE_MS = 10_000;
/** Compressed, of all that the front page loads before the digits. */
const MOST_BYTES = 300_000;

const site = fileURLToPath(new URL("..", import.meta.url));
const folder = join(site, ".vitepress/dist");
const pictures = join(site, "out/screenshots");
const weights = fileURLToPath(new URL("../../examples/generate/weights.bin", import.meta.url));
const model = readModel(loadSync(), readFileSync(weights));
/** The path that `npm run test:site` builds the site for. */
const base = process.env.SITE_BASE ?? "/";

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => interruption.abort());

/** Pages of each sort. The playground's have checks of their own. In Chromium all but the reference of the API are visited. */
const PAGES = [
  "guide/first-call.html",
  "recipes/held-constant.html",
  "docs/numerics.html",
  "api/adanorm/interfaces/Norm.html",
];

function allPages(): string[] {
  const texts = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /^(docs|guide|recipes)\b.*\.html$/.test(file),
  );
  return [...new Set([...PAGES, ...texts.map((file) => file.replaceAll("\\", "/"))])];
}

let failed = 0;
function tell(name: string, { passed, failed: failures }: Pick<Tally, "passed" | "failed">): void {
  console.log(`${failures.length ? "FAILED" : "ok"}: ${name}: ${passed} passed, ${failures.length} failed`);
  for (const { name, error } of failures) console.log(`    ${name}: ${error}`);
  failed += failures.length;
}

/** Opens a page, and waits for the report of its checks. */
async function visit(browser: Browser, server: SiteServer, path: string, tally: Tally): Promise<Report> {
  const { raised: over, raise } = alarm();
  const timer = setTimeout(raise, VISIT_S * 1000, `no report within ${VISIT_S} s`);
  try {
    const reported = server.report();
    const opened = browser.open(server.url + path).then(() => reported);
    const report = await Promise.race([reported, opened, browser.gone, over]);
    // A check tries to evaluate a string, which Firefox writes down when it refuses.
    const written = browser.written()?.filter((line) => !line.includes("blocked a JavaScript eval")) ?? [];
    const noise = written.length ? [{ name: "nothing is in the console", error: written.join("\n") }] : [];
    tally.passed += report.passed;
    for (const { name, error } of [...report.failed, ...noise]) tally.failed.push({ name: `${path}: ${name}`, error });
    return report;
  } finally {
    clearTimeout(timer);
  }
}

async function visitAll(browser: Browser, server: SiteServer, pages: string[], tally: Tally): Promise<void> {
  server.sent();
  await visit(browser, server, "?checks=page", tally);
  const sent = server.sent();
  await tally.test(`the front page weighs ${MOST_BYTES} bytes at most, compressed`, async () => {
    const bytes = [...sent.values()].reduce((sum, size) => sum + size, 0);
    console.log(`    the front page: ${sent.size} files, ${bytes} bytes`);
    assert.ok(sent.size > 5 && bytes <= MOST_BYTES, `${bytes} bytes`);
    assert.ok(!sent.has("digits.bin"), "the digits are loaded before they are needed");
  });
  for (const page of pages) await visit(browser, server, `${page}?checks=page`, tally);
  await visit(browser, server, "guide/install.html?checks=search", tally);
  await visit(browser, server, "?checks=tabs", tally);
  const { seen } = await visit(browser, server, "?checks=train", tally);
  const { link, table } = (seen ?? {}) as { link?: string; table?: unknown };
  await tally.test("a link shows what its sender saw", async () => {
    assert.ok(link, "there is no link");
    const reopened = await visit(browser, server, link.replace("checks=train", "checks=reopened"), tally);
    const found = (reopened.seen as { table?: unknown } | undefined)?.table;
    assert.ok(isDeepStrictEqual(found, table), `${JSON.stringify(found)}, not ${JSON.stringify(table)}`);
  });
  await checkWriting(browser, server, tally);
  await visit(browser, server, "?tab=look&checks=look", tally);
  await visit(browser, server, "?tab=measure&checks=measure", tally);
}

/** The generator: what the page writes is what Node writes, and a link shows it again. */
async function checkWriting(browser: Browser, server: SiteServer, tally: Tally): Promise<void> {
  const page = "guide/model.html";
  server.sent();
  await visit(browser, server, `${page}?checks=page`, tally);
  await tally.test("the weights are loaded when a text is asked for, and not before", () =>
    assert.ok(!server.sent().has("weights.bin"), "they are loaded with the page"),
  );
  const { seen } = await visit(browser, server, `${page}?checks=write`, tally);
  const { link = "", shown } = (seen ?? {}) as { link?: string; shown?: string };
  await tally.test("the weights are loaded then", () => assert.ok(server.sent().has("weights.bin")));
  await tally.test("Node writes the same text", () => {
    const asked = new URLSearchParams(link);
    const prompt = asked.get("write.prompt") ?? "";
    const [length, seed] = ["shown", "seed"].map((name) => Number(asked.get(`write.${name}`)));
    const text = [...generate(model, { prompt, length: length as number, seed: seed as number })].join("");
    assert.equal(shown, prompt + text);
  });
  await tally.test("a link shows the text that its sender saw", async () => {
    const reopened = await visit(browser, server, page + link.replace("checks=write", "checks=rewritten"), tally);
    assert.equal((reopened.seen as { shown?: string } | undefined)?.shown, shown);
  });
}

async function testBrowser(driver: Driver, checks: string, home: string): Promise<void> {
  const plain = await serve({ folder, base, checks });
  const isolated = await serve({ folder, base, checks, headers: ISOLATED });
  const { raised: over, raise } = alarm();
  interruption.signal.addEventListener("abort", () => raise("interrupted"));
  const timer = setTimeout(raise, START_S * 1000, `not started within ${START_S} s`);
  const started = driver.start(home);
  const tally = new Tally();
  const begin = performance.now();
  try {
    const browser = await Promise.race([started, over]);
    clearTimeout(timer);
    const work = async () => {
      await visitAll(browser, plain, driver === chromium ? allPages() : PAGES, tally);
      if (driver.hasThreads) await visit(browser, isolated, "?tab=measure&checks=isolated", tally);
      if (!browser.hands) return;
      await checkHands(browser, browser.hands, plain, tally);
      if (driver === chromium) await takePictures(browser, browser.hands, isolated, pictures);
    };
    await Promise.race([work(), over]);
    tell(`${driver.name} ${browser.version}, ${Math.round((performance.now() - begin) / 1000)} s`, tally);
  } catch (error) {
    tell(driver.name, tally);
    broken(driver.name, error);
  } finally {
    clearTimeout(timer);
    await Promise.race([started.then((browser) => browser.close()), delay(CLOSE_MS)]).catch(() => {});
    const notFound = [...plain.missing, ...isolated.missing].filter((path) => !path.endsWith("/favicon.ico"));
    if (notFound.length > 0) broken(`the site in ${driver.name}`, `not found: ${[...new Set(notFound)].join(", ")}`);
    for (const server of [plain, isolated]) await server.close();
  }
}

/** One after the other. */
async function testInTurn(drivers: Driver[], checks: string, home: string): Promise<void> {
  const wanted = process.argv.slice(2);
  for (const driver of drivers) {
    if (wanted.length > 0 && !wanted.includes(driver.name)) continue;
    if (interruption.signal.aborted) broken(driver.name, "interrupted");
    else if (lacks(driver)) missing(driver.name, `apt-get install ${driver.packages.join(" ")}`);
    else await testBrowser(driver, checks, mkdtempSync(join(home, "home-")));
  }
}

const start = performance.now();
const scratch = mkdtempSync(join(tmpdir(), "adanorm-site-"));
mkdirSync(pictures, { recursive: true });
try {
  const checks = join(scratch, "checks.js");
  await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: ["page/checks.ts"],
    outfile: checks,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
  });
  const tally = new Tally();
  await checkDocuments(tally);
  await checkSnippets(tally);
  await checkLinks(tally, folder, base);
  tell("pages", tally);

  // Beside one another they are hardly faster on two processors, and wait for one another.
  await testInTurn([chromium, firefox, webkit], checks, scratch);
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
console.log(`${Math.round((performance.now() - start) / 1000)} s`);
finish();
if (failed > 0) process.exitCode = 1;
// A browser that does not close neither keeps this process from ending nor outlives it.
process.exit();
