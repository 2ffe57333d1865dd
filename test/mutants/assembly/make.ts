/** Small changes to assembly/: a list of all of them, and a sample. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type Mutant, type Position, placeIn } from "../mutant.ts";

/** A mutant and the whole text of its file. */
export interface Change extends Omit<Mutant, "fate"> {
  text: string;
}

const OPERATORS: Partial<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "<<": ">>",
  ">>": "<<",
  "&": "|",
  "|": "&",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "==": "!=",
  "!=": "==",
  "&&": "||",
  "||": "&&",
  "+=": "-=",
  "-=": "+=",
};

/** Instructions on vectors, and methods of the same names on lanes. */
const INSTRUCTIONS: Partial<Record<string, string>> = {
  add: "sub",
  sub: "add",
  mul: "add",
  div: "mul",
  min: "max",
  max: "min",
  and: "or",
  or: "and",
  xor: "or",
  lt: "le",
  le: "lt",
  gt: "ge",
  ge: "gt",
  eq: "ne",
  ne: "eq",
  shl: "shr_u",
  shr_u: "shl",
  abs: "neg",
};

/** The replacements of a node, and the kind of each change. */
function replacementsOf(node: ts.Node, source: ts.SourceFile): [mutator: string, from: ts.Node, to: string][] {
  const text = node.getText(source);
  if (ts.isBinaryExpression(node)) {
    const to = OPERATORS[node.operatorToken.getText(source)];
    return to ? [["operator", node.operatorToken, to]] : [];
  }
  if (ts.isNumericLiteral(node)) {
    // The 0 of `changetype<L>(0)` stands for a class of which there is no instance.
    const isMarker = ts.isCallExpression(node.parent) && node.parent.expression.getText(source) === "changetype";
    if (isMarker) return [];
    const value = Number(text);
    const isWhole = Number.isInteger(value) && !/[.e]/i.test(text.replace(/^0x.*/i, ""));
    const inCall =
      ts.isCallExpression(node.parent) && /shuffle|_lane|i32x4|i8x16/.test(node.parent.expression.getText(source));
    return [[inCall ? "lane or mask" : "constant", node, isWhole ? String(value + 1) : String(value * 2 || 1)]];
  }
  if (node.kind === ts.SyntaxKind.TrueKeyword) return [["boolean", node, "false"]];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [["boolean", node, "true"]];
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name } = node.expression;
    const to = INSTRUCTIONS[name.text];
    return to ? [["instruction", name, to]] : [];
  }
  if (ts.isConditionalExpression(node)) return [["condition", node.condition, `!(${node.condition.getText(source)})`]];
  if (ts.isIfStatement(node)) return [["condition", node.expression, `!(${node.expression.getText(source)})`]];
  if (ts.isExpressionStatement(node)) return [["dropped line", node, ";"]];
  return [];
}

/** Files in a folder and those below it, sorted. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .sort();
}

/** All changes to one file. */
function changesTo(root: string, file: string): Change[] {
  const text = readFileSync(join(root, file), "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: Change[] = [];
  const visit = (node: ts.Node): void => {
    for (const [mutator, from, replacement] of replacementsOf(node, source)) {
      const [start, end] = [from.getStart(source), from.getEnd()];
      const [first, last] = [start, end].map((at) => {
        const { line, character } = source.getLineAndCharacterOfPosition(at);
        return { line, column: character };
      }) as [Position, Position];
      found.push({
        file,
        ...placeIn(text, first, last),
        mutator,
        replacement,
        text: text.slice(0, start) + replacement + text.slice(end),
      });
    }
    // Types and imports compute nothing.
    if (!ts.isTypeNode(node) && !ts.isImportDeclaration(node)) ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/**
 * A sample of changes, spread evenly over the files and, in each file, over the kinds.
 *
 * @param only parts of the names of files, where not all of them are wanted.
 * @param random evenly distributed numbers in [0, 1).
 */
export function chooseChanges(root: string, count: number, only: string[], random: () => number): Change[] {
  const shuffled = <T>(list: T[]): T[] =>
    list
      .map((one) => [random(), one] as const)
      .sort(([a], [b]) => a - b)
      .map(([, one]) => one);
  const files = filesIn(join(root, "assembly")).map((file) => `assembly/${file}`);
  const wanted = files.filter((file) => only.length === 0 || only.some((part) => file.includes(part)));
  const queues = wanted.map((file) => {
    const kinds = new Map<string, Change[]>();
    for (const change of shuffled(changesTo(root, file))) {
      kinds.set(change.mutator, [...(kinds.get(change.mutator) ?? []), change]);
    }
    const lists = shuffled([...kinds.values()]);
    const longest = Math.max(0, ...lists.map(({ length }) => length));
    return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
  });
  const chosen: Change[] = [];
  for (let i = 0; chosen.length < count && queues.some(({ length }) => length > i); i++) {
    for (const queue of queues) chosen.push(...queue.slice(i, i + 1));
  }
  return chosen.slice(0, count);
}
