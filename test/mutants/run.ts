/**
 * `npm run mutants`: changes the code in one place at a time and checks that a test fails. Fails if too many mutants survive.
 *
 *   npm run mutants                                   all of src/, 120 of assembly/: hours, and minutes with --share
 *   npm run mutants -- --only src/norm.ts             what the names of files contain; several, with commas between
 *   npm run mutants -- --share 0.25                   a quarter of those of src/, the same ones every time
 *   npm run mutants -- --assembly 72 --seed 1         so many of assembly/; 0: none
 *   npm run mutants -- --fresh                        tries again what was tried before on the same code, by the same tests, and
 *                                                     what is listed as equivalent
 *   npm run mutants -- --markdown docs/reliability.md
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { replacePart } from "../../scripts/markdown.ts";
import { tryAssembly } from "./assembly/try.ts";
import { type Mutant, staleEquivalents, withEquivalents } from "./mutant.ts";
import { describeMutant, scoreOf, shareOf, TARGETS, table } from "./report.ts";
import { trySources } from "./sources.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    share: { type: "string", default: "1" },
    assembly: { type: "string", default: "120" },
    seed: { type: "string", default: "1" },
    fresh: { type: "boolean", default: false },
    markdown: { type: "string" },
  },
});
const only = values.only ? values.only.split(",") : [];
const share = Number(values.share);
const count = Number(values.assembly);

const start = performance.now();
const isWanted = (folder: string) => only.length === 0 || only.some((part) => part.startsWith(folder));
const ofSources = isWanted("src") && share > 0 ? trySources(only, share, values.fresh) : [];
const ofAssembly =
  isWanted("assembly") && count > 0 ? await tryAssembly(count, values.seed, only, values.fresh, tell) : [];

function tell(mutant: Mutant, done: number): void {
  const seconds = (performance.now() - start) / 1000;
  const [shown = mutant] = withEquivalents([mutant]);
  const { fate, file, line } = shown;
  const what = fate === "survived" ? describeMutant(shown) : `${file}:${line}`;
  console.log(`${done}/${count} (${Math.round(seconds)} s): ${fate}: ${what}`);
}

const all = withEquivalents([...ofSources, ...ofAssembly]);
for (const mutant of all) if (mutant.fate === "survived") console.log(`survived: ${describeMutant(mutant)}`);
console.log(table(all, ({ file }) => file));
console.log(table(all, ({ file }) => `${file.split("/")[0]}/`));

if (only.length === 0 && share === 1 && count > 0) {
  for (const within of staleEquivalents(all)) console.log(`equivalent.json: no mutant survives in: ${within}`);
}

let isEnough = true;
for (const [folder, target] of Object.entries(TARGETS)) {
  const score = scoreOf(all.filter(({ file }) => file.startsWith(`${folder}/`)));
  if (score.killed + score.survived === 0) continue;
  const found = shareOf(score);
  console.log(`${folder}/: ${(100 * found).toFixed(1)} % killed, ${100 * target} % asked for`);
  if (found < target) isEnough = false;
}
if (values.markdown) {
  const folderOf = ({ file }: Mutant) => `${file.slice(0, file.lastIndexOf("/"))}/`;
  const sample = share < 1 ? ` Those of src/ are a sample: ${100 * share} % of all.` : "";
  const text = `${table(all, folderOf)}\n\nMeasured ${new Date().toISOString().slice(0, 10)}.${sample}`;
  writeFileSync(values.markdown, replacePart(readFileSync(values.markdown, "utf8"), "mutants", text));
}
process.exitCode = isEnough ? 0 : 1;
