/**
 * All errors about arguments. A message names the call, the argument, what was expected and what it got:
 *
 *   layerNorm.forward: x: expected a length that is a multiple of size 4, got 6
 *
 * A wrong kind is a TypeError, a wrong value a RangeError. Messages are built only on failure.
 */
import { isAttached, kindOf, lengthOf } from "./arrays.js";

/** Describes a value in a few words. Never throws, even if the value throws when it is inspected. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `the BigInt ${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return describeObject(value);
  } catch {
    return "an object that cannot be looked into";
  }
}

function describeObject(value: object): string {
  const kind = kindOf(value);
  if (kind !== undefined) return `${kind} of ${lengthOf(value as Uint8Array)}`;
  if (Array.isArray(value)) return `an Array of ${value.length}`;
  if (value instanceof Object.getPrototypeOf(Uint8Array)) return "a Proxy of a typed array";
  if ("dataId" in value && "shape" in value) return "a Tensor of TensorFlow.js, which adanorm/tfjs takes";
  const tag = tagOf(value);
  return `${/^[aeiou]/i.test(tag) ? "an" : "a"} ${tag}`;
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function typeError(call: string, argument: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${call}: ${argument}: expected ${expected}, got ${describe(got)}`);
}

/** If `got` is a string, the message contains it without quotes: it is a length or a shape in words. */
export function rangeError(call: string, argument: string, expected: string, got: unknown): RangeError {
  return new RangeError(
    `${call}: ${argument}: expected ${expected}, got ${typeof got === "string" ? got : describe(got)}`,
  );
}

/** The error for a method whose `this` is not an object of the class. */
export function notItself(call: string, self: unknown): TypeError {
  const [kind] = call.split(".");
  return new TypeError(
    `${call}: this: expected the ${kind} itself, got ${self === undefined ? "undefined" : "another object"} ` +
      `(the method was taken off its ${kind}, or called on a Proxy of it)`,
  );
}

/** Throws if the array is detached: it would read as empty, and no error would be thrown. */
export function checkAttached(call: string, argument: string, array: ArrayBufferView): void {
  if (isAttached(array)) return;
  throw new TypeError(
    `${call}: ${argument}: expected an array with its buffer, got a detached one ` +
      "(transferred, a matrix's data from before the memory grew, or a view past the end of a buffer that has shrunk)",
  );
}

function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return true;
    // An object of another realm has another Object.prototype. An object of a class passes too.
    return !ArrayBuffer.isView(value) && tagOf(value) === "Object";
  } catch {
    // A Proxy can throw.
    return false;
  }
}

/** Throws unless the value is a plain object. An array, a Map or a matrix was probably meant for another argument. */
export function checkObject(call: string, argument: string, value: unknown): asserts value is object {
  if (isPlain(value)) return;
  throw typeError(call, argument, "an object", value);
}

export function checkInteger(call: string, argument: string, value: unknown, least: number): number {
  if (typeof value !== "number") throw typeError(call, argument, `an integer >= ${least}`, value);
  if (!Number.isSafeInteger(value) || value < least) throw rangeError(call, argument, `an integer >= ${least}`, value);
  return value;
}

/** Checks for a finite number >= `least` or, if `open`, > `least`. */
export function checkNumber(call: string, argument: string, value: unknown, least: number, open = false): number {
  const isInside = typeof value === "number" && Number.isFinite(value) && (open ? value > least : value >= least);
  if (isInside) return value;
  const expected = `a finite number ${open ? ">" : ">="} ${least}`;
  throw typeof value === "number"
    ? rangeError(call, argument, expected, value)
    : typeError(call, argument, expected, value);
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

/** Checks for an array of one f64 for each row. */
export function checkStat(call: string, argument: string, value: unknown, rows: number): Float64Array {
  if (kindOf(value) !== "Float64Array") throw typeError(call, argument, "a Float64Array", value);
  const array = value as Float64Array;
  checkAttached(call, argument, array);
  const length = lengthOf(array);
  if (length !== rows) throw rangeError(call, argument, `one number for each of ${rows} rows`, `${length}`);
  return array;
}
