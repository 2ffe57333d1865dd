/**
 * Every bundler builds an application with the package as it is published, and the output is run, in Chromium or in workerd:
 * it must compute what Node computes with the same package, to the byte. Arguments: fixtures to run; default: all.
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { gzipSync } from "node:zlib";
import { broken, finish, makeProject, missing, type Project, run } from "../portable/project.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

const CHROMIUM = "/usr/bin/chromium";
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const BUILD_SECONDS = 120;
const RUN_SECONDS = 60;
const ULP = 2 ** -23;

/** The result of app.js for one build of the kernels. */
interface Computed {
  simd: "simd128" | "relaxed-simd";
  threads: number;
  checksum: string;
  /** The checksum of the results of many rows. */
  many: string;
  /** The bytes of each array, in hexadecimal digits. */
  arrays: Record<string, string>;
}

type Results = Record<string, Computed>;

/** What fixtures/node prints. */
interface Expected {
  results: Results;
  /** The arrays that the formulas give, more than the kernels give. */
  formulas: Record<string, number[]>;
}

interface Fixture {
  /** The package whose version is printed. */
  bundler: string;
  /** The folder that the build makes, which is served or uploaded. */
  output: string;
  /** Where the output runs. */
  host: "Chromium" | "workerd";
  /** Whether the application uses adanorm/url too. */
  byUrl: boolean;
}

const FIXTURES: Record<string, Fixture> = {
  vite: { bundler: "vite", output: "dist", host: "Chromium", byUrl: true },
  webpack: { bundler: "webpack", output: "public", host: "Chromium", byUrl: true },
  rollup: { bundler: "rollup", output: "public", host: "Chromium", byUrl: true },
  esbuild: { bundler: "esbuild", output: "public", host: "Chromium", byUrl: true },
  parcel: { bundler: "parcel", output: "dist", host: "Chromium", byUrl: false },
  "parcel-exports": { bundler: "parcel", output: "dist", host: "Chromium", byUrl: true },
  wrangler: { bundler: "wrangler", output: "dist", host: "workerd", byUrl: false },
};

// The used parts of packages that only this folder has, because the types of the project are checked without them.
interface Page {
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  on(event: "response", listener: (response: { status(): number; url(): string }) => void): void;
  goto(url: string): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

interface Playwright {
  chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> };
}

interface Vite {
  createServer(options: object): Promise<{
    listen(): Promise<unknown>;
    resolvedUrls: { local: string[] } | null;
    close(): Promise<void>;
  }>;
}

interface MiniflareModule {
  Miniflare: new (
    options: object,
  ) => {
    dispatchFetch(url: string): Promise<{ ok: boolean; text(): Promise<string> }>;
    dispose(): Promise<void>;
  };
}

/** A package of this folder, imported by a name that the compiler does not see. */
function imported<T>(name: string): Promise<T> {
  return import(name);
}

/** The temporary folder of this test, its hosts and its bundlers. */
const scratch = mkdtempSync(join(tmpdir(), "adanorm-bundlers-"));
process.env.TMPDIR = scratch;

/** Ends the scripts that still run. */
const running = new Set<() => void>();

function cleanUp(): void {
  for (const end of running) end();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Registered after the listeners that end Chromium and workerd, because these would continue to write.
    process.on("exit", cleanUp);
    process.exit(1);
  });
}

async function within<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a script of a project, and ends everything that it has started. Its output is shown if it fails. */
async function runScript(script: string, cwd: string): Promise<void> {
  const child = spawn("npm", ["run", "--silent", script], {
    cwd,
    // A process group, so that all of it can be ended.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    // Caches, logs and settings are in the folder of the project, and wrangler must not send reports.
    env: {
      ...process.env,
      NO_COLOR: "1",
      XDG_CACHE_HOME: cwd,
      XDG_CONFIG_HOME: cwd,
      WRANGLER_SEND_METRICS: "false",
    },
  });
  const end = () => {
    try {
      if (child.pid) process.kill(-child.pid, "SIGKILL");
    } catch {
      // None of the group is left.
    }
  };
  running.add(end);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  try {
    const code = await within(BUILD_SECONDS, `npm run ${script}`, ended);
    if (code !== 0) throw new Error(`npm run ${script} ended with ${code}`);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${stripVTControlCharacters(output).trim()}`);
  } finally {
    end();
    running.delete(end);
  }
}

/** A project with the package, the application and a fixture in it, and the bundlers as if it had installed them. */
function prepare(name: string): Project {
  const project = makeProject(name);
  const { folder } = project;
  // The dependencies of a linked package are looked for at its real place.
  for (const entry of readdirSync(join(here, "node_modules"))) {
    if (entry.startsWith(".") && entry !== ".bin") continue;
    symlinkSync(join(here, "node_modules", entry), join(folder, "node_modules", entry));
  }
  const made = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  cpSync(join(here, "fixtures", name), folder, { recursive: true });
  const own = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...made, ...own }));
  for (const file of ["app.js", "unused.js"]) cpSync(join(here, file), join(folder, "src", file));
  return project;
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Isolates pages from other origins, without which they have no threads. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** Serves the files of a folder from a free port. */
async function serve(folder: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { ...ISOLATED, "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Whether files have anything that only threads need: their code, or more than the two modules that the application asks for. */
function hasThreads(files: Output[]): boolean {
  const texts = files.filter(({ file }) => file.endsWith(".js")).map(({ bytes }) => bytes.toString());
  const modules = [texts.filter((text) => EMBEDDED.test(text)), files.filter(({ file }) => file.endsWith(".wasm"))];
  return texts.some((text) => text.includes("adanorm: ready")) || modules.some(({ length }) => length > 2);
}

async function runInChromium(browser: Browser, output: string): Promise<Results> {
  const server = await serve(output);
  const page = await browser.newPage();
  const seen: string[] = [];
  const requested = new Set<string>();
  page.on("pageerror", (error) => seen.push(error.message));
  page.on("request", (request) => requested.add(new URL(request.url()).pathname.slice(1)));
  page.on("response", (response) => {
    if (response.status() >= 400) seen.push(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  const evaluate = async (expression: string): Promise<Results> => {
    const results = await within(RUN_SECONDS, "the page", page.evaluate(expression));
    if (!results) throw new Error("the page has no result");
    return results as Results;
  };
  const loadsThreads = () => hasThreads(outputs(output).filter(({ file }) => requested.has(file)));
  try {
    await page.goto(server.url);
    const results = await evaluate("window.result");
    if (loadsThreads()) throw new Error(`loaded for threads that were not asked for: ${[...requested].join(", ")}`);
    const shared = await evaluate("window.runThreads()");
    if (!loadsThreads()) throw new Error("what threads need is not found in what they loaded");
    return { ...results, ...shared };
  } catch (error) {
    throw new Error([(error as Error).message, ...seen].join("\n"));
  } finally {
    await page.close();
    server.close();
  }
}

/** The application as Vite's development server gives it, which neither joins nor minifies its files. */
async function runInDevelopment(browser: Browser, root: string): Promise<Results> {
  const { createServer } = await imported<Vite>("vite");
  const options = { host: "127.0.0.1", port: 0, headers: ISOLATED, hmr: false, ws: false };
  const server = await createServer({ root, server: options, logLevel: "error" });
  await server.listen();
  const page = await browser.newPage();
  try {
    await page.goto(server.resolvedUrls?.local[0] as string);
    const evaluate = async (expression: string) =>
      (await within(RUN_SECONDS, "the page", page.evaluate(expression))) as Results;
    return { ...(await evaluate("window.result")), ...(await evaluate("window.runThreads()")) };
  } finally {
    await page.close();
    await server.close();
  }
}

async function runInWorkerd(output: string): Promise<Results> {
  const { Miniflare } = await imported<MiniflareModule>("miniflare");
  const config = JSON.parse(readFileSync(join(output, "../wrangler.json"), "utf8"));
  const miniflare = new Miniflare({
    modulesRoot: output,
    scriptPath: join(output, "main.js"),
    modules: true,
    modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
    compatibilityDate: config.compatibility_date,
    // Without this it would fetch data that tells the worker where requests come from.
    cf: false,
  });
  try {
    const ask = async () => {
      const response = await miniflare.dispatchFetch("http://localhost/");
      const text = await response.text();
      if (!response.ok) throw new Error(text);
      return JSON.parse(text) as Results;
    };
    return await within(RUN_SECONDS, "workerd", ask());
  } finally {
    await miniflare.dispose();
  }
}

/** Statistics are doubles, everything else is f32. */
function decode(name: string, hex: string): ArrayLike<number> {
  const { buffer } = Uint8Array.from(Buffer.from(hex, "hex"));
  return /(mean|rstd)$/.test(name) ? new Float64Array(buffer) : new Float32Array(buffer);
}

/** The arrays that are not near the formulas. */
function farOff({ arrays }: Computed, { formulas }: Expected, tolerance: number): string[] {
  return Object.keys(arrays).filter((name) => {
    const actual = decode(name, arrays[name] as string);
    const wanted = formulas[name] ?? [];
    const near = (b: number, i: number) => Math.abs((actual[i] as number) - b) <= tolerance * Math.max(1, Math.abs(b));
    return actual.length !== wanted.length || !wanted.every(near);
  });
}

/** The faults of the results of an output. */
function problems(results: Results, expected: Expected, { byUrl, host }: Fixture): string[] {
  const wrong: string[] = [];
  const node = expected.results.portable as Computed;
  const builds = ["portable", "relaxed", "threads"].flatMap((build) => (byUrl ? [build, `${build}ByUrl`] : [build]));
  for (const build of builds) {
    const computed = results[build];
    if (!computed) {
      wrong.push(`${build}: no result`);
      continue;
    }
    const threads = build.startsWith("threads") && host === "Chromium" ? 2 : 1;
    if (computed.threads !== threads) wrong.push(`${build}: ${computed.threads} threads, not ${threads}`);
    if (computed.simd === "relaxed-simd") {
      if (!build.startsWith("relaxed")) wrong.push(`${build}: got the relaxed build`);
      // Its bytes differ by engine.
      const far = farOff(computed, expected, 64 * ULP);
      if (far.length) wrong.push(`${build}: far from the formulas: ${far.join(", ")}`);
    } else {
      const other = Object.keys(node.arrays).filter((name) => computed.arrays[name] !== node.arrays[name]);
      if (other.length) wrong.push(`${build}: other bytes than in Node: ${other.join(", ")}`);
      else if (computed.checksum !== node.checksum) wrong.push(`${build}: checksum ${computed.checksum}`);
      if (computed.many !== node.many) wrong.push(`${build}: other bytes than in Node for many rows`);
    }
  }
  return wrong;
}

/**
 * Node itself, without a bundler. Its results must be near the formulas: otherwise nobody would notice bytes that are
 * wrong everywhere.
 */
function runInNode(project: Project): Expected {
  const expected: Expected = JSON.parse(run(process.execPath, ["src/main.js"], project.folder));
  const far = farOff(expected.results.portable as Computed, expected, 16 * ULP);
  if (far.length) broken(`Node ${process.versions.node}`, `far from the formulas: ${far.join(", ")}`);
  else console.log(`ok: Node ${process.versions.node}, without a bundler: ${expected.results.portable?.checksum}`);
  return expected;
}

interface Output {
  file: string;
  bytes: Buffer;
}

/** The files of a build that are sent to a browser or to a worker. */
function outputs(folder: string): Output[] {
  return readdirSync(folder, { encoding: "utf8", recursive: true })
    .filter((file) => /\.(js|wasm)$/.test(file) && statSync(join(folder, file)).isFile())
    .map((file) => ({ file, bytes: readFileSync(join(folder, file)) }));
}

/** A module in a script. */
const EMBEDDED = /[^\s"]{20000}/;

/** Whether a script holds a module, as one long word of text, or names one: wrangler uploads what is no longer named, too. */
function hasModule(folder: string): boolean {
  return outputs(folder).some(
    ({ file, bytes }) => file.endsWith(".js") && [EMBEDDED, /\.wasm\b/].some((part) => part.test(bytes.toString())),
  );
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
const gzipped = (bytes: Buffer) => gzipSync(bytes, { level: 9 }).length;

async function runFixture(name: string, expected: Expected | undefined, browser: Browser | undefined): Promise<void> {
  const start = performance.now();
  const { bundler, output, host } = FIXTURES[name] as Fixture;
  const { version } = JSON.parse(readFileSync(join(here, "node_modules", bundler, "package.json"), "utf8"));
  const title = `${name} ${version}`;
  let project: Project | undefined;
  try {
    project = prepare(name);
    const folder = join(project.folder, output);
    await runScript("build", project.folder);
    const results = host === "Chromium" ? await runInChromium(browser as Browser, folder) : await runInWorkerd(folder);
    if (!expected) throw new Error("ran, with nothing to compare with");
    const wrong = problems(results, expected, FIXTURES[name] as Fixture);

    if (bundler === "vite") {
      const developed = await runInDevelopment(browser as Browser, project.folder);
      for (const one of problems(developed, expected, FIXTURES[name] as Fixture)) wrong.push(`in development: ${one}`);
    }

    await runScript("build:unused", project.folder);
    if (!hasModule(folder)) wrong.push("no module is found in an output that has one");
    if (hasModule(join(project.folder, "unused"))) wrong.push("a module in the output of an application without norms");
    if (wrong.length) throw new Error(wrong.join("\n"));

    const files = outputs(folder);
    const size = files.reduce((sum, { bytes }) => sum + gzipped(bytes), 0);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`ok: ${title}, in ${host}: ${kilobytes(size)} gzipped, ${results.relaxed?.simd}, ${seconds} s`);
    for (const { file, bytes } of files) {
      console.log(`    ${file}: ${kilobytes(bytes.length)}, ${kilobytes(gzipped(bytes))} gzipped`);
    }
  } catch (error) {
    broken(title, (error as Error).message.replace(/\n/g, "\n    "));
  } finally {
    project?.remove();
  }
}

async function runAll(names: string[]): Promise<void> {
  const node = prepare("node");
  let browser: Browser | undefined;
  try {
    // Packed once for all fixtures.
    process.env.ADANORM_TARBALL = node.tarball;
    let expected: Expected | undefined;
    try {
      expected = runInNode(node);
    } catch (error) {
      broken(`Node ${process.versions.node}`, error);
    }
    const inChromium = names.filter((name) => FIXTURES[name]?.host === "Chromium");
    if (inChromium.length && existsSync(CHROMIUM)) {
      const { chromium } = await imported<Playwright>("playwright-core");
      browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    } else if (inChromium.length) {
      missing(`Chromium, for ${inChromium.join(", ")}`, "apt-get install chromium");
    }
    for (const name of names) {
      if (browser || !inChromium.includes(name)) await runFixture(name, expected, browser);
    }
  } finally {
    await browser?.close();
  }
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in FIXTURES));
try {
  if (unknown.length) throw new Error(`no ${unknown.join(", ")} among ${Object.keys(FIXTURES).join(", ")}`);
  await runAll(asked.length ? asked : Object.keys(FIXTURES));
} catch (error) {
  broken("bundlers", error);
} finally {
  cleanUp();
}
finish();
