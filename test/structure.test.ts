/** `npm run structure`: what it forbids and what it allows, for small trees of files. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const script = fileURLToPath(new URL("../scripts/structure.ts", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "structure-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the script prints for these files, line by line, and its exit code. */
function structureOf(files: Record<string, string>): Promise<{ lines: string[]; code: unknown }> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return new Promise((resolve) => {
    execFile(process.execPath, ["--import", import.meta.resolve("tsx"), script], { cwd: folder }, (error, stdout) =>
      resolve({ lines: stdout.split("\n").map((line) => line.trim()), code: error ? error.code : 0 }),
    );
  });
}

/** What the script calls forbidden among these files. Its exit code must agree. */
async function forbiddenIn(files: Record<string, string>): Promise<string[]> {
  const { lines, code } = await structureOf(files);
  const forbidden = lines.filter((line) => line.endsWith(": FORBIDDEN"));
  expect(lines).toContain(`${forbidden.length} forbidden`);
  expect(code).toBe(forbidden.length > 0 ? 1 : 0);
  return forbidden.map((line) => line.replace(": FORBIDDEN", ""));
}

const lines = (count: number) => "// one\n".repeat(count);

test("the longest files and parameter lists come first", async () => {
  const files = {
    "src/a.ts": "function one(a) {}\nfunction two(a, b) {}\n",
    "src/deep/b.ts": lines(300),
    "assembly/c.ts": lines(30),
  };
  const { lines: printed, code } = await structureOf(files);
  expect(printed.slice(1, 4)).toEqual(["300 src/deep/b.ts", "30 assembly/c.ts", "2 src/a.ts"]);
  expect(printed.slice(5, 7)).toEqual(["2 two (src/a.ts:2)", "1 one (src/a.ts:1)"]);
  expect(code).toBe(0);
});

test("a file of more than 300 lines is forbidden", async () => {
  const files = { "src/most.ts": lines(300), "src/long.ts": lines(301), "assembly/long.ts": lines(302) };
  expect(await forbiddenIn(files)).toEqual(["302 assembly/long.ts", "301 src/long.ts"]);
});

test("more than six parameters are forbidden, of whatever has parameters", async () => {
  const six = "a: i32, b: i32, c: i32, d: i32, e: i32, f: i32";
  const seven = `${six}, g: i32`;
  const source = [
    `export function most(${six}): void {}`,
    `export function long(${seven}): void {}`,
    `class Point { constructor(${seven}) {}`,
    `  method(${seven}): void {}`,
    "}",
    `const arrow = (${seven}) => 0;`,
    `const members = { member: (${seven}) => 0 };`,
    `interface Shape { signature(${seven}): void }`,
    `most(function (${seven}) {});`,
  ];
  expect(await forbiddenIn({ "src/lists.ts": source.join("\n") })).toEqual([
    "7 long (src/lists.ts:2)",
    "7 Point.constructor (src/lists.ts:3)",
    "7 Point.method (src/lists.ts:4)",
    "7 arrow (src/lists.ts:6)",
    "7 member (src/lists.ts:7)",
    "7 Shape.signature (src/lists.ts:8)",
    "7 a function without a name (src/lists.ts:9)",
  ]);
});

/** AssemblyScript: decorators in front of functions, casts in angle brackets. */
const decorated = (above: string) => `
@unmanaged
@final
class Lanes {
  ${above}
  @inline of<T>(a: usize, b: usize, c: usize, d: i32, e: i32, f: i32, g: i32): f32 {
    return <f32>(<i32>a + <i32>b);
  }
}

/** Has a doc comment. */
${above}
@inline
export function blend<T>(a: usize, b: usize, c: usize, d: v128, e: v128, f: v128, g: v128): void {
  store<f32>(a, <f32>load<f64>(b));
}
`;

test("AssemblyScript's functions are read, behind their decorators", async () => {
  const found = await forbiddenIn({ "assembly/lanes.ts": decorated("") });
  expect(found).toEqual(["7 Lanes.of (assembly/lanes.ts:6)", "7 blend (assembly/lanes.ts:13)"]);
});

test("a comment directly above a function allows a longer list, and its reason is printed", async () => {
  const files = { "assembly/lanes.ts": decorated("// structure: registers\n// hold its vectors") };
  expect(await forbiddenIn(files)).toEqual([]);
  expect((await structureOf(files)).lines).toContain(
    "7 blend (assembly/lanes.ts:15): allowed, registers hold its vectors",
  );
});

test("a comment without a reason, or elsewhere, allows nothing", async () => {
  const long = "function long(a, b, c, d, e, f, g) {}";
  const files = {
    "src/apart.ts": `// structure: not here\n\n${long}`,
    "src/behind.ts": `${long} // structure: not here`,
    "src/empty.ts": `// structure:\n${long}`,
    "src/within.ts": `${long.slice(0, -1)}\n// structure: not here\n}`,
  };
  expect(await forbiddenIn(files)).toHaveLength(4);
});

test("files that import each other in a circle are forbidden, each circle once", async () => {
  const files = {
    "src/a.ts": 'import { b } from "./b.js";',
    "src/b.ts": 'export { c } from "./deep/c.ts";',
    "src/deep/c.ts": 'import { a } from "../a.js";',
    "src/outside.ts": 'import { a } from "./a.js";\nimport ts from "typescript";\nimport { none } from "./none.js";',
    "assembly/d.ts": 'import { e } from "./e";',
    "assembly/e/index.ts": 'import { d } from "../d";',
  };
  expect(await forbiddenIn(files)).toEqual([
    "assembly/d.ts -> assembly/e/index.ts -> assembly/d.ts",
    "src/a.ts -> src/b.ts -> src/deep/c.ts -> src/a.ts",
  ]);
});

test("imports of types and dynamic imports make circles too", async () => {
  const files = {
    "src/a.ts": 'import type { B } from "./b.js";',
    "src/b.ts": 'export type B = import("./a.js").A;',
    "src/c.ts": 'export const later = () => import("./d.js");',
    "src/d.ts": 'import { type C } from "./c.js";',
    "src/e.ts": 'export type * from "./e.js";',
  };
  expect(await forbiddenIn(files)).toEqual([
    "src/a.ts -> src/b.ts -> src/a.ts",
    "src/c.ts -> src/d.ts -> src/c.ts",
    "src/e.ts -> src/e.ts",
  ]);
});

test("a folder without sources is a mistake, not a success", async () => {
  expect((await structureOf({ "lib/a.ts": "" })).code).toBe(1);
});
