/**
 * adanorm/tfjs as it is published, with TensorFlow.js beside it in an empty project: the suite in Node and in Chromium, with
 * and without threads; the examples of docs/tensorflow.md; and the types, for users with strict settings.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "../browsers/chromium.ts";
import { alarm, lacks } from "../browsers/driver.ts";
import { serve } from "../browsers/server.ts";
import { broken, finish, makeProject, missing, type Project, run } from "../portable/project.ts";
import type { Report } from "./harness.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");

const LIMIT_S = 300;
const CLOSE_MS = 10_000;

/** Isolates the page, and allows the workers that TensorFlow.js starts from scripts that it makes. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "content-security-policy":
    "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self' blob:",
};

/** Links TensorFlow.js into a project, as if it had installed it. */
function linkTensorFlow({ folder }: Project): void {
  const from = join(here, "project/node_modules");
  for (const entry of readdirSync(from)) {
    if (!entry.startsWith(".")) symlinkSync(join(from, entry), join(folder, "node_modules", entry));
  }
}

/** Bundles a script of this folder: for Node without the packages it imports, for pages with them. */
async function bundle(name: string, outfile: string, project: Project, external: string[]): Promise<void> {
  await build({
    absWorkingDir: here,
    entryPoints: [`${name}.ts`],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: external.length ? "node" : "browser",
    external,
    plugins: [
      {
        // Packages come from the project, not from the folders above the scripts.
        name: "packages of the project",
        setup(bundler) {
          bundler.onResolve({ filter: /^(adanorm|@tensorflow)\// }, ({ path, kind, resolveDir }) =>
            resolveDir.startsWith(join(root, "test/tfjs")) && !resolveDir.includes("node_modules")
              ? bundler.resolve(path, { kind, resolveDir: project.folder })
              : undefined,
          );
        },
      },
    ],
    logLevel: "error",
  });
}

function judge(name: string, { passed, failed }: Report): void {
  console.log(`${failed.length ? "FAILED" : "ok"}: ${name}: ${passed} passed, ${failed.length} failed`);
  for (const one of failed) broken(one.name, one.error);
}

async function inNode(name: string, project: Project): Promise<void> {
  const file = join(project.folder, `${name}.js`);
  await bundle(name, file, project, ["adanorm", "@tensorflow/*"]);
  const printed = run(process.execPath, [file], project.folder).trim().split("\n");
  judge(`Node ${process.versions.node}, ${name}`, JSON.parse(printed.at(-1) as string));
}

async function inChromium(name: string, project: Project, headers: Record<string, string>): Promise<void> {
  if (lacks(chromium)) return missing(name, `apt-get install ${chromium.packages.join(" ")}`);
  const { raised: over, raise } = alarm();
  const timer = setTimeout(raise, LIMIT_S * 1000, `no report within ${LIMIT_S} s`);
  const server = await serve(project.folder, headers);
  const started = chromium.start(mkdtempSync(join(project.folder, "home-")));
  try {
    const browser = await Promise.race([started, over]);
    const report = server.report();
    const opened = browser.open(`${server.url}/page`).then(() => report);
    judge(`${name} ${browser.version}`, await Promise.race([report, opened, browser.gone, over]));
  } finally {
    clearTimeout(timer);
    await Promise.race([started.then((browser) => browser.close()), delay(CLOSE_MS)]).catch(() => {});
    await server.close();
  }
}

/** Every example of docs/tensorflow.md, as a separate program. */
function examples({ folder }: Project): void {
  const page = readFileSync(join(root, "docs/tensorflow.md"), "utf8");
  const all = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1] as string);
  if (all.length === 0) throw new Error("docs/tensorflow.md has no examples");
  all.forEach((example, i) => {
    const name = `example ${i + 1} of docs/tensorflow.md`;
    const file = join(folder, `example-${i + 1}.js`);
    writeFileSync(file, example);
    try {
      const printed = run(process.execPath, [file], folder);
      console.log(`ok: ${name} runs\n${printed.trimEnd().replace(/^/gm, "    ")}`);
    } catch (error) {
      broken(name, error);
    }
  });
}

/** Compiles the program of a user with strict settings. */
function types({ folder }: Project): void {
  mkdirSync(join(folder, "types"));
  for (const file of ["user.ts", "tsconfig.json"]) copyFileSync(join(here, "types", file), join(folder, "types", file));
  try {
    run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "types"], folder);
    console.log("ok: the types, under strict settings");
  } catch (error) {
    broken("the types", `${(error as Error).message}\n${(error as { stdout?: string }).stdout}`);
  }
}

/** Runs a part. An error is a failure, and the next part runs anyway. */
async function part(name: string, body: () => void | Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    broken(name, error);
  }
}

const start = performance.now();
const project = makeProject("tfjs");
try {
  linkTensorFlow(project);
  await part("types", () => types(project));
  await part("examples", () => examples(project));
  await part("Node", () => inNode("node", project));
  await part("Node, compiling forbidden", () => inNode("forbidden", project));
  await part("Chromium", async () => {
    await bundle("page", join(project.folder, "suite/page.js"), project, []);
    await inChromium("Chromium", project, {});
    await inChromium("Chromium, isolated, with threads", project, ISOLATED);
  });
} finally {
  project.remove();
}
console.log(`${Math.round((performance.now() - start) / 1000)} s`);
finish();
// A browser that does not close must not keep this process from ending.
process.exit();
