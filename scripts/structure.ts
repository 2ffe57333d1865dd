/**
 * `npm run structure`: prints the longest files, the longest parameter lists and the import circles of src/ and assembly/.
 * Exits with 1 if a file has too many lines, a function has too many parameters, or files import each other in a circle.
 *
 * It reads src/ and assembly/ of the current folder. A function may have more parameters if the comment directly above it
 * says `// structure: <reason>`. Imports of types count, because a reader follows them too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import ts from "typescript";

const FOLDERS = ["assembly", "src"];
const MOST_LINES = 300;
const MOST_PARAMETERS = 6;
/** How many files and functions are listed if all of them keep the limits. */
const LISTED = 5;

interface ParameterList {
  /** What has the parameters: the name of a function, or of the variable or property that holds it. */
  name: string;
  /** File and line. */
  place: string;
  length: number;
  /** The reason for an exception, if there is one. */
  reason: string | undefined;
}

interface SourceFile {
  path: string;
  lines: number;
  parameterLists: ParameterList[];
  /** The paths of the files that it imports. */
  imports: string[];
}

/** The TypeScript and AssemblyScript files of a folder, with their paths from the current folder. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => posix.join(folder, path.replaceAll("\\", "/")))
    .sort();
}

/** The comments `//` directly above a line, as one text. */
function commentAbove(lines: readonly string[], line: number): string {
  let first = line;
  while (first > 0 && lines[first - 1]?.trimStart().startsWith("//")) first -= 1;
  return lines
    .slice(first, line)
    .map((text) => text.trim().replace(/^\/+\s*/, ""))
    .join(" ");
}

/**
 * The name that a reader knows a function by: its own, or that of the variable or property that holds it. A member has
 * the name of its class in front.
 */
function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  const own = ts.isConstructorDeclaration(node) ? "constructor" : ts.getNameOfDeclaration(node)?.getText(source);
  const { parent } = node;
  const owner = ts.isClassLike(parent) || ts.isInterfaceDeclaration(parent) ? parent.name?.text : undefined;
  return [owner, own ?? "a function without a name"].filter((one) => one !== undefined).join(".");
}

/** All lists of parameters in a file: of functions, methods, constructors and arrows, and of the types that describe them. */
function parameterListsIn(source: ts.SourceFile): ParameterList[] {
  const lines = source.text.split(/\r?\n/);
  const found: ParameterList[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      // A function begins with its decorators and modifiers, behind its doc comment.
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      found.push({
        name: nameOf(node, source),
        place: `${source.fileName}:${line + 1}`,
        length: node.parameters.length,
        reason: commentAbove(lines, line).match(/^structure: (.+)/)?.[1],
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The file that a relative import names: TypeScript writes the ending .js or .ts, AssemblyScript none. */
function importedFile(from: string, specifier: string, paths: ReadonlySet<string>): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = posix.join(posix.dirname(from), specifier);
  return [target, target.replace(/\.js$/, ".ts"), `${target}.ts`, `${target}/index.ts`].find((path) => paths.has(path));
}

function readSource(path: string, paths: ReadonlySet<string>): SourceFile {
  const text = readFileSync(path, "utf8");
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const { importedFiles } = ts.preProcessFile(text);
  const imports = importedFiles.map(({ fileName }) => importedFile(path, fileName, paths));
  return {
    path,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    parameterLists: parameterListsIn(source),
    imports: imports.filter((one) => one !== undefined),
  };
}

/** The shortest way along imports from a file back to itself, both ends included. */
function shortestCircle(start: string, importsOf: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const reached = new Set<string>();
  const ways = [[start]];
  // Breadth first: the loop appends the ways that it has yet to try.
  for (const way of ways) {
    for (const next of importsOf.get(way.at(-1) as string) ?? []) {
      if (next === start) return [...way, start];
      if (reached.has(next)) continue;
      reached.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/** For every file that lies on a circle, the shortest one through it; each circle once. */
function importCircles(files: readonly SourceFile[]): string[][] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const circles = new Map<string, string[]>();
  for (const { path } of files) {
    const circle = shortestCircle(path, importsOf);
    const members = [...new Set(circle)].sort().join();
    if (circle && !circles.has(members)) circles.set(members, circle);
  }
  return [...circles.values()];
}

interface Line {
  text: string;
  /** What is said about a line that is beyond a limit. */
  verdict?: string | undefined;
}

const FORBIDDEN = "FORBIDDEN";

/** Prints the first few lines of a list, and all lines beyond the limit. */
function print(title: string, lines: readonly Line[]): void {
  console.log(title);
  for (const { text, verdict } of lines.filter((line, index) => index < LISTED || line.verdict)) {
    console.log(verdict ? `  ${text}: ${verdict}` : `  ${text}`);
  }
  if (lines.length === 0) console.log("  none");
}

const paths = FOLDERS.flatMap(filesIn);
if (paths.length === 0) throw new Error(`expected TypeScript files in ${FOLDERS.join(" or ")} of ${process.cwd()}`);
const files = paths.map((path) => readSource(path, new Set(paths)));

const lengths = files
  .toSorted((a, b) => b.lines - a.lines)
  .map(({ path, lines }): Line => ({ text: `${lines} ${path}`, verdict: lines > MOST_LINES ? FORBIDDEN : undefined }));
const parameterLists = files
  .flatMap((file) => file.parameterLists)
  .sort((a, b) => b.length - a.length)
  .map(({ name, place, length, reason }): Line => {
    const verdict = reason ? `allowed, ${reason}` : FORBIDDEN;
    return { text: `${length} ${name} (${place})`, verdict: length > MOST_PARAMETERS ? verdict : undefined };
  });
const circles = importCircles(files).map((circle): Line => ({ text: circle.join(" -> "), verdict: FORBIDDEN }));

print(`Longest files, ${MOST_LINES} lines at most:`, lengths);
print(`Longest parameter lists, ${MOST_PARAMETERS} parameters at most:`, parameterLists);
print("Import circles, none allowed:", circles);

const forbidden = [...lengths, ...parameterLists, ...circles].filter((line) => line.verdict === FORBIDDEN).length;
console.log(`${forbidden} forbidden`);
process.exitCode = forbidden === 0 ? 0 : 1;
