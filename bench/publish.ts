/** The figures that the documents show, and what is made of them. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { picture } from "./picture.ts";
import { withTables } from "./report.ts";
import type { Result } from "./result.ts";

const pathOf = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const FIGURES = "bench/figures.json";
export const PICTURE = "docs/picture.svg";
export const PAGES = ["README.md", "docs/benchmarks.md"];

/** Times have noise in their third digit: more than four would only make the file longer. */
const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);

/** The files that show figures, as they are made of them. */
export function made(result: Result): Map<string, string> {
  const drawn = picture(result);
  if (drawn === undefined) throw new Error("expected the case forward 1024x768, and traits");
  const files = new Map([[PICTURE, drawn]]);
  for (const page of PAGES) files.set(page, withTables(readFileSync(pathOf(page), "utf8"), result));
  return files;
}

/** The published figures with the cases of a partial run in the place of theirs: of the same machine and versions. */
export function joined(part: Result, all: Result): Result {
  const { machine, node, versions } = part;
  const isSame = machine === all.machine && node === all.node;
  const other = Object.keys(versions).find((name) => versions[name] !== all.versions[name]);
  if (!isSame || other !== undefined) {
    const what = other ?? "the machine or Node";
    throw new Error(`--publish of a part: ${what} is not that of ${FIGURES}; publish a whole run`);
  }
  const cases = all.cases.map((one) => part.cases.find(({ id }) => id === one.id) ?? one);
  return { ...all, cases, startUp: { ...all.startUp, ...part.startUp }, traits: { ...all.traits, ...part.traits } };
}

/** Writes the figures, and all that is made of them. */
export function publish(result: Result): void {
  const text = `${JSON.stringify(result, rounded)}\n`;
  writeFileSync(pathOf(FIGURES), text);
  for (const [path, content] of made(JSON.parse(text))) writeFileSync(pathOf(path), content);
}

export function published(): Result {
  return JSON.parse(readFileSync(pathOf(FIGURES), "utf8"));
}
