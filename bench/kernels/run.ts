/**
 * `npm run bench:kernels -- --before <adanorm.wasm>`: the kernels of this build beside those of another commit's module. Prints
 * the ratio of their times, this build's first.
 *
 *   --now FILE         another module in the place of this build's
 *   --only PATTERN     what the regular expression matches, as "layerNorm forward"
 *   --shape PATTERN    shapes that it matches, as "8x64"
 *   --in A,B           in the pages of these browsers, "chromium" and "firefox", not in Node
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium } from "../../test/browsers/chromium.ts";
import type { Driver } from "../../test/browsers/driver.ts";
import { firefox } from "../../test/browsers/firefox.ts";
import { serve } from "../../test/browsers/server.ts";
import { type Clock, contest } from "./contest.ts";

const CLOCK: Clock = { roundUs: 150, rounds: 60 };

/** An isolated page has a finer clock. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const { values } = parseArgs({
  options: {
    before: { type: "string" },
    now: { type: "string", default: "build/adanorm.wasm" },
    only: { type: "string", default: "" },
    shape: { type: "string", default: "" },
    in: { type: "string" },
  },
});

async function runInPage(driver: Driver, folder: string): Promise<void> {
  const server = await serve(folder, ISOLATED);
  const browser = await driver.start(mkdtempSync(join(folder, "home-")));
  const report = server.report() as unknown as Promise<{ lines: string[] }>;
  await browser.open(`${server.url}/page`);
  const { lines } = await Promise.race([report, browser.gone]);
  console.log([`${driver.name} ${browser.version}`, ...lines].join("\n"));
  await browser.close();
  await server.close();
}

async function runInPages(names: string[], before: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "adanorm-kernels-"));
  try {
    copyFileSync(values.now, join(folder, "now.wasm"));
    copyFileSync(before, join(folder, "before.wasm"));
    writeFileSync(join(folder, "wanted.json"), JSON.stringify({ only: values.only, shape: values.shape }));
    const entryPoints = [fileURLToPath(new URL("page.ts", import.meta.url))];
    await build({ entryPoints, bundle: true, format: "esm", outfile: join(folder, "suite/page.js"), target: "es2022" });
    for (const driver of [chromium, firefox]) {
      if (names.includes(driver.name.toLowerCase())) await runInPage(driver, folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!values.before) throw new Error("--before <path to another commit's adanorm.wasm> is missing");
console.log(`this build / ${values.before}, ${cpus()[0]?.model.trim()}`);
if (values.in) {
  await runInPages(values.in.split(","), values.before);
} else {
  const compiled = (path: string) => new WebAssembly.Module(Uint8Array.from(readFileSync(path)));
  console.log(`Node ${process.versions.node}`);
  const lines = contest(compiled(values.now), compiled(values.before), values, CLOCK);
  for (const line of lines) console.log(line);
}
process.exit();
