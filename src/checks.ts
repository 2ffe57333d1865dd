/**
 * All argument errors. A message names the call, the argument, what was expected and what came:
 *
 *   layerNorm.forward: x: expected a length that is a multiple of size 4, got 6
 *
 * TypeError where the kind is wrong, RangeError where the value is. Messages are built on failure only.
 */
import type { HostArray } from "./types.js";

/** What a value is, in a few words. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (ArrayBuffer.isView(value)) return `${tagOf(value)} of ${(value as Float32Array).length ?? value.byteLength}`;
  if (Array.isArray(value)) return `an Array of ${value.length}`;
  return `${/^[aeiou]/i.test(tagOf(value)) ? "an" : "a"} ${tagOf(value)}`;
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function typeError(call: string, argument: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${call}: ${argument}: expected ${expected}, got ${describe(got)}`);
}

/** `got` as text stands as it is: a length or a shape that was put into words already. */
export function rangeError(call: string, argument: string, expected: string, got: unknown): RangeError {
  return new RangeError(
    `${call}: ${argument}: expected ${expected}, got ${typeof got === "string" ? got : describe(got)}`,
  );
}

/** Whatever the realm that it comes from. */
function isFloat64Array(value: unknown): value is Float64Array {
  return ArrayBuffer.isView(value) && tagOf(value) === "Float64Array";
}

/** Refuses a view whose buffer was detached: it reads as empty, without an error of its own. */
export function checkAttached(call: string, argument: string, array: HostArray | Float64Array): void {
  if (array.length > 0) return;
  try {
    new Uint8Array(array.buffer);
  } catch {
    throw new TypeError(
      `${call}: ${argument}: expected an array with its buffer, got a detached one ` +
        "(transferred, or a matrix's data from before the memory grew)",
    );
  }
}

export function checkOptions(call: string, options: unknown, argument = "options"): void {
  // An array or a matrix is an object too, but one that was meant for another argument.
  if (typeof options !== "object" || options === null || Symbol.iterator in options || "toArray" in options) {
    throw typeError(call, argument, "an object", options);
  }
}

export function checkInteger(call: string, argument: string, value: unknown, least: number): number {
  if (typeof value !== "number") throw typeError(call, argument, `an integer >= ${least}`, value);
  if (!Number.isSafeInteger(value) || value < least) throw rangeError(call, argument, `an integer >= ${least}`, value);
  return value;
}

/** A finite number of `least` or more; more than `least` if `open`. */
export function checkNumber(call: string, argument: string, value: unknown, least: number, open = false): number {
  const expected = `a finite number ${open ? ">" : ">="} ${least}`;
  if (typeof value !== "number") throw typeError(call, argument, expected, value);
  if (!Number.isFinite(value) || value < least || (open && value === least)) {
    throw rangeError(call, argument, expected, value);
  }
  return value;
}

export function checkBoolean(call: string, argument: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw typeError(call, argument, "true or false", value);
  return value;
}

export function checkOneOf<T>(call: string, argument: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  const expected = choices.map((choice) => JSON.stringify(choice)).join(" or ");
  if (typeof value !== typeof choices[0]) throw typeError(call, argument, expected, value);
  throw new RangeError(`${call}: ${argument}: expected ${expected}, got ${describe(value)}`);
}

/** One f64 a row. */
export function checkStat(call: string, argument: string, value: unknown, rows: number): Float64Array {
  if (!isFloat64Array(value)) throw typeError(call, argument, "a Float64Array", value);
  checkAttached(call, argument, value);
  if (value.length !== rows) throw rangeError(call, argument, `one number for each of ${rows} rows`, `${value.length}`);
  return value;
}
