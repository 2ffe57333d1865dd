/** An empty project with the package as it would be published, and the suite; and the handling of the reports. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { build } from "esbuild";
import type { Digests } from "../digest.ts";
import type { Report } from "./suite.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const results = fileURLToPath(new URL("out/", import.meta.url));

export interface Project {
  folder: string;
  /** The packed package. */
  tarball: string;
  /** node_modules/adanorm in it. */
  installed: string;
  remove(): void;
}

/** Runs a command. Returns its standard output, and shows the rest. */
export function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}): string {
  return execFileSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
}

/**
 * A temporary project with the package installed from its tarball. ADANORM_TARBALL may name an existing tarball: a broken
 * one, for example, to see a test fail.
 */
export function makeProject(name: string): Project {
  const folder = mkdtempSync(join(tmpdir(), `adanorm-${name}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    let tarball = process.env.ADANORM_TARBALL;
    if (!tarball) {
      run("npm", ["pack", "--silent", "--pack-destination", folder], root);
      const [file] = readdirSync(folder).filter((one) => one.endsWith(".tgz"));
      tarball = join(folder, file as string);
    }
    tarball = resolve(tarball);
    writeFileSync(join(folder, "package.json"), '{ "name": "project", "private": true, "type": "module" }\n');
    run("npm", ["install", "--no-audit", "--no-fund", "--silent", tarball], folder);
    return { folder, tarball, installed: join(folder, "node_modules/adanorm"), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Writes the suite as one ES module that imports nothing but the package, which each host resolves for itself. */
export async function writeSuite(file: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/portable/suite.ts"],
    outfile: file,
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["adanorm", "adanorm/*"],
    logLevel: "warning",
  });
}

/** A line of the table of platforms in docs/hosts.md. */
export interface Platform {
  /** "Node", "Chromium, in a Web Worker". */
  name: string;
  version: string;
  relaxedSimd: boolean;
  /** Whether loadSync compiles there. */
  sync: boolean;
  /** Whether it has threads, in browsers on isolated pages. */
  threads: boolean;
  sameDigest: boolean;
}

let failures = 0;

/** Prints what a report says, notes the platform, and remembers a failure for {@link finish}. */
export function judge(name: string, version: string, report: Report): void {
  const committed: Digests = JSON.parse(readFileSync(join(root, "test/digest.json"), "utf8"));
  const sameDigest = isDeepStrictEqual(report.digest, committed);
  const failed = [...report.failed];
  if (!sameDigest) failed.push({ name: "the digest is the committed one", error: JSON.stringify(report.digest) });
  console.log(
    `${failed.length ? "FAILED" : "ok"}: ${name} ${version}: ${report.passed} passed, ${failed.length} failed`,
  );
  for (const { name, error } of failed) console.log(`    ${name}: ${error}`);
  if (failed.length) failures += 1;
  mkdirSync(results, { recursive: true });
  const { relaxedSimd, sync, threads } = report;
  const platform: Platform = { name, version, relaxedSimd, sync, threads, sameDigest };
  const file = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  writeFileSync(join(results, `${file}.json`), `${JSON.stringify(platform, null, 2)}\n`);
}

/** A platform that broke before it could report. */
export function broken(name: string, error: unknown): void {
  failures += 1;
  console.log(`FAILED: ${name}: ${error instanceof Error ? error.message : error}`);
}

/** A runtime that is not on this machine: a line here, a failure under CI=true. */
export function missing(name: string, how: string): void {
  const required = process.env.CI === "true";
  console.log(`${required ? "FAILED" : "not run"}: ${name}: not on this machine (${how})`);
  if (required) failures += 1;
}

/** Sets the exit code; must be called last. */
export function finish(): void {
  process.exitCode = failures ? 1 : 0;
}
