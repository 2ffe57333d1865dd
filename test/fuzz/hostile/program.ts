/** A hostile case as a program: honest arguments, and the source of the value that replaces one of them. */
import { loadSync } from "adanorm";
import { choose } from "./check.ts";
import { type HostileCase, isMatrix, Scene, shapeOf } from "./scene.ts";

const RESIZABLE = `function resizable(array) {
  const buffer = new ArrayBuffer(array.byteLength, { maxByteLength: array.byteLength + 64 });
  const view = new array.constructor(buffer, 0, array.length);
  view.set(array);
  return view;
}`;

function array(values: Float32Array): string {
  const kind = values.constructor.name;
  return values.length === 0 ? `new ${kind}(0)` : `${kind}.of(${Array.from(values).join(", ")})`;
}

/** An argument as an expression. */
function expression(value: unknown, names: ReadonlyMap<unknown, string>, { place, dtype, size }: HostileCase): string {
  const write = (one: unknown): string => {
    const name = names.get(one);
    if (name !== undefined) return name;
    if (isMatrix(one)) return `kernels.matrix(${write(one.toArray())}, ${one.cols}, "${one.dtype}")`;
    if (ArrayBuffer.isView(one)) return array(one as Float32Array);
    if (typeof one !== "object" || one === null) return JSON.stringify(one) ?? "undefined";
    return `{ ${Object.entries(one)
      .map(([key, each]) => `${key}: ${write(each)}`)
      .join(", ")} }`;
  };
  if (!ArrayBuffer.isView(value)) return write(value);
  const type = value instanceof Float32Array ? "f32" : dtype;
  const { length } = value as Float32Array;
  const cols = length % size === 0 ? size : length;
  if (place === "view") return `kernels.matrix(${write(value)}, ${cols}, "${type}").data`;
  return place === "resizable" ? `resizable(${write(value)})` : write(value);
}

export function hostileProgram(each: HostileCase): string {
  const { norm, dtype, place } = each;
  const kernels = loadSync();
  const scene = new Scene(kernels, each);
  const { call, path, value, args } = choose(scene);
  const operands = Object.entries(scene.operands).map(
    ([name, one]) => `  ${name}: ${expression(one, new Map(), each)},`,
  );
  const names = new Map<unknown, string>([
    [kernels, "kernels"],
    [scene.norm, "norm"],
    ...Object.entries(scene.operands).map(([name, one]): [unknown, string] => [one, `operands.${name}`]),
  ]);
  return [
    ...(place === "resizable" ? [RESIZABLE] : []),
    `const norm = kernels.${norm}(${JSON.stringify({ ...shapeOf(each).options, dtype })});`,
    "const operands = {",
    ...operands,
    "};",
    `const args = ${expression(args, names, each)};`,
    `const scene = { kernels, operands, stats: args.stats, matrix: (...shape) => kernels.matrix(...shape), turn: ${scene.turn}, grow: () => kernels.matrix(1, kernels.memory.size / 4) };`,
    `args.${path} = (${value.make})(args.${path}, scene); // ${value.name.split("\n")[0]}: is to be ${value.fate}`,
    `console.log(${call.text(each)});`,
  ].join("\n");
}
