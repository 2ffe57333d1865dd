/** The check of a hostile case: the call is refused with a message and changes nothing, or does what the honest call does. */
import { type Kernels, loadSync } from "adanorm";
import { fail, sameBytes } from "../failure.ts";
import { type Arguments, CALLS, type Call, get, pathsOf, type Role, replaced, resultBytes } from "./calls.ts";
import { type HostileCase, isMatrix, Scene } from "./scene.ts";
import { Own, type Value } from "./value.ts";
import { VALUES } from "./values.ts";

/** The values that an argument may become. */
function valuesFor(role: Role, honest: unknown, { place }: HostileCase): Value[] {
  const isObject = role === "options" || role === "open options" || role === "strides";
  const kind = (isObject ? place === "matrix" : isMatrix(honest)) ? "matrix" : "array";
  return VALUES.filter(({ roles, kind: only }) => roles.includes(role) && (only === undefined || only === kind));
}

export interface Chosen {
  call: Call;
  path: string;
  value: Value;
}

/** The argument that a case replaces, and its value. */
export function choose(scene: Scene): Chosen & { args: Arguments } {
  const { each } = scene;
  const call = CALLS[each.call] as Call;
  const args = call.make(scene);
  const paths = pathsOf(call, args);
  const path = paths[each.argument % paths.length] as string;
  const values = valuesFor(call.roles[path] as Role, get(args, path), each);
  return { call, path, value: values[each.value % values.length] as Value, args };
}

/** What a refusal must say: the call that refuses, and the argument. */
function checkMessage({ call, path, value }: Chosen, each: HostileCase, error: Error): void {
  const what = `${error.name}: ${error.message}`;
  if (value.fate !== "refused") {
    if (!/^[\w.]+: /.test(error.message)) fail(`refused without saying by which call: ${what}`);
    return;
  }
  if (!error.message.startsWith(`${call.starts(each)}: `)) fail(`refused in the name of another call: ${what}`);
  const name = path.split(".").at(-1) as string;
  // If the first batch has another shape or kind, the error names the others, which do not fit. A source may be a number
  // of rows.
  const others = ["x", "dy"].includes(name) ? "|residual|sum|out|dSum|dx|x|stats|dy" : name === "source" ? "|rows" : "";
  if (!new RegExp(`\\b(${name}${others})\\b`).test(error.message)) fail(`refused without naming ${path}: ${what}`);
}

function isRefusal(error: unknown, role: Role): error is Error {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  // The engine refuses bytes that are no module.
  return role === "module" && error instanceof WebAssembly.CompileError;
}

/** Copies the contents of an argument with its own buffer to the honest argument, to compare them. */
function bringBack(value: unknown, honest: unknown): void {
  if (!ArrayBuffer.isView(value) || !ArrayBuffer.isView(honest) || value.buffer === honest.buffer) return;
  if (value.byteLength !== honest.byteLength || Object.getPrototypeOf(value) !== Object.getPrototypeOf(honest)) return;
  (honest as Float32Array).set(value as Float32Array);
}

/** The effect of the honest call, in a separate scene: its results, and all bytes after it. */
function honestly(kernels: Kernels, each: HostileCase, fate: Value["fate"]): Buffer[] {
  const scene = new Scene(kernels, each);
  try {
    const { call, path, value, args } = choose(scene);
    const honest = get(args, path);
    const given = fate === "itself" ? replaced(args, path, value.make(honest, scene)) : args;
    const results = resultBytes(scene, call.run(scene, given));
    return [results, scene.snapshot()];
  } finally {
    scene.free();
  }
}

/** Fails if the kernels no longer work: if a new matrix does not hold what was written to it. */
function checkWorks(kernels: Kernels): void {
  const matrix = kernels.matrix(3, 5);
  if (!matrix.data.every((value) => value === 0)) fail("a new matrix is not zero");
  matrix.data.fill(7);
  matrix.free();
}

/** Returns whether the argument was refused or taken. */
export function checkHostile(shared: Kernels, each: HostileCase): "refused" | "taken" {
  const first = new Scene(shared, each);
  const { value: chosen } = choose(first);
  first.free();
  const kernels = chosen.grows ? loadSync() : shared;
  const scene = new Scene(kernels, each);
  const { call, path, value, args } = choose(scene);
  const fate = value.grows && each.place === "view" ? "spoilt" : value.fate;
  const honest = get(args, path);
  const about = { call, path, value };
  try {
    let hostile: unknown;
    try {
      hostile = value.make(honest, scene);
    } catch {
      // A matrix may refuse new properties.
      return "refused";
    }
    const before = fate === "spoilt" ? undefined : scene.snapshot();
    let results: Buffer;
    try {
      results = resultBytes(scene, call.run(scene, replaced(args, path, hostile)));
    } catch (error) {
      if (!(error instanceof Own)) {
        if (!isRefusal(error, call.roles[path] as Role)) throw error;
        if (!(error instanceof WebAssembly.CompileError)) checkMessage(about, each, error);
      }
      if (before && !sameBytes(scene.snapshot(), before)) fail(`written to, though refused: ${error}`);
      return "refused";
    }
    if (fate === "refused") fail("taken, without a word");
    if (fate === "spoilt") return "taken";
    bringBack(hostile, honest);
    const [want, after] = honestly(shared, each, fate) as [Buffer, Buffer];
    if (!sameBytes(results, want)) fail("taken, with other results than those of an honest call");
    if (!sameBytes(scene.snapshot(), after)) fail("taken, and other things written than by an honest call");
    return "taken";
  } finally {
    scene.free();
    checkWorks(kernels);
  }
}
