/**
 * The table of the platforms that the portable suite last ran on.
 *
 *   tsx scripts/platforms.ts              prints it
 *   tsx scripts/platforms.ts --write      puts it into docs/hosts.md
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Platform } from "../test/portable/project.ts";
import { markdownTable, replacePart } from "./markdown.ts";

const results = fileURLToPath(new URL("../test/portable/out/", import.meta.url));
const page = fileURLToPath(new URL("../docs/hosts.md", import.meta.url));

const yes = (value: boolean) => (value ? "yes" : "no");

const platforms = readdirSync(results)
  .filter((file) => file.endsWith(".json"))
  .map((file): Platform => JSON.parse(readFileSync(`${results}${file}`, "utf8")))
  .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.version.localeCompare(b.version));

// Every one of them has SIMD, without which the module would not have loaded.
const table = markdownTable(
  ["platform", "version", "SIMD", "relaxed SIMD", "loadSync", "threads", "the same bytes"],
  platforms.map(({ name, version, relaxedSimd, sync, threads, sameDigest }) => [
    name,
    version,
    "yes",
    yes(relaxedSimd),
    yes(sync),
    yes(threads),
    yes(sameDigest),
  ]),
  () => false,
);

if (process.argv.includes("--write")) {
  writeFileSync(page, replacePart(readFileSync(page, "utf8"), "platforms", table));
  console.log(`${platforms.length} platforms written to docs/hosts.md`);
} else {
  console.log(table);
}
