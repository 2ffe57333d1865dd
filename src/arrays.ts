/**
 * Typed arrays as they are, not as they say they are: an array's own `length`, `buffer`, `constructor` or methods, or those
 * of a subclass, can be anything. The accessors and methods here are those of the language itself. They read the array's
 * internal slots, whatever the realm that it comes from.
 */

/** The array types that the package knows, by what {@link kindOf} calls them. */
export type Kind = "Float32Array" | "Uint16Array" | "Float16Array" | "Float64Array";

const prototype: Uint8Array = Object.getPrototypeOf(Uint8Array.prototype);

function getterOf<T>(property: string | symbol): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(prototype, property)?.get as (this: unknown) => T;
}

const kind = getterOf<string | undefined>(Symbol.toStringTag);
const length = getterOf<number>("length");
const byteOffset = getterOf<number>("byteOffset");
const buffer = getterOf<ArrayBufferLike>("buffer");
const { fill, set, values } = prototype;

/** The name of a typed array's type; undefined for anything else, a Proxy of an array included. */
export function kindOf(value: unknown): string | undefined {
  return kind.call(value);
}

/** The number of elements. */
export function lengthOf(array: ArrayBufferView): number {
  return length.call(array);
}

/** Where the first element lies in the buffer, in bytes. */
export function byteOffsetOf(array: ArrayBufferView): number {
  return byteOffset.call(array);
}

export function bufferOf(array: ArrayBufferView): ArrayBufferLike {
  return buffer.call(array);
}

/** Copies all elements of `source` into `target`, from index `at` on. */
export function copyInto(target: ArrayBufferView, source: ArrayLike<number>, at: number): void {
  set.call(target as Uint8Array, source, at);
}

/** Sets all elements. */
export function fillWith(target: ArrayBufferView, value: number): void {
  fill.call(target as Uint8Array, value);
}

/**
 * Whether the array has its elements: neither was its buffer detached, nor has that shrunk so that the array lies outside.
 * Such an array reads as empty, without an error of its own.
 */
export function isAttached(array: ArrayBufferView): boolean {
  if (lengthOf(array) > 0) return true;
  try {
    // The methods of arrays refuse what their accessors read as empty.
    values.call(array as Uint8Array);
    return true;
  } catch {
    return false;
  }
}

type Extent = [length: number] | [buffer: ArrayBufferLike, byteOffset: number, length: number];

/** Of the types that batches can have. The last is undefined where the engine has no arrays of that type. */
const CONSTRUCTORS = {
  Float32Array,
  Uint16Array,
  Float16Array: (globalThis as { Float16Array?: unknown }).Float16Array,
} as Record<string, new (...extent: Extent) => unknown>;

/** A new array of a batch's type, whatever the constructor of the array that asks for it. */
export function makeArray<A extends ArrayBufferView>(type: string, ...extent: Extent): A {
  const Constructor = CONSTRUCTORS[type] as new (...extent: Extent) => A;
  return new Constructor(...extent);
}
