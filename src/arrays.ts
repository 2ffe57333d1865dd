/**
 * Safe access to typed arrays. An array, or a subclass of one, can redefine `length`, `buffer`, `constructor` and methods.
 * The functions here call the accessors and methods of the language itself, which read the internal slots of the array.
 * They work on arrays of every realm.
 */

/** The array types that the package accepts, by the names that {@link kindOf} returns. */
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

/** The name of the type of a typed array. Undefined for anything else, including a Proxy of an array. */
export function kindOf(value: unknown): string | undefined {
  return kind.call(value);
}

/** The number of elements. */
export function lengthOf(array: ArrayBufferView): number {
  return length.call(array);
}

/** The byte offset of the first element in the buffer. */
export function byteOffsetOf(array: ArrayBufferView): number {
  return byteOffset.call(array);
}

export function bufferOf(array: ArrayBufferView): ArrayBufferLike {
  return buffer.call(array);
}

/** Copies all elements of `source` into `target`, starting at index `at`. */
export function copyInto(target: ArrayBufferView, source: ArrayLike<number>, at: number): void {
  set.call(target as Uint8Array, source, at);
}

/** Sets all elements. */
export function fillWith(target: ArrayBufferView, value: number): void {
  fill.call(target as Uint8Array, value);
}

/**
 * Whether the array still has its elements. It loses them if its buffer is detached, or shrinks until the array lies
 * outside. Then the array reads as empty, and no error is thrown.
 */
export function isAttached(array: ArrayBufferView): boolean {
  if (lengthOf(array) > 0) return true;
  try {
    // `length` of such an array is 0, as for an empty array, but methods throw.
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
