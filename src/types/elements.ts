/**
 * How elements are stored: `"f32"`, IEEE 754 binary32; `"f16"`, binary16 (5 bits of exponent, 10 of fraction); `"bf16"`,
 * bfloat16, the upper half of an f32. Arithmetic is in f32 or better whatever the storage, statistics are in double
 * precision, and a result is rounded once: to the nearest, ties to even, to infinity where it is too large.
 */
export type DType = "f32" | "f16" | "bf16";

/** A `Float16Array` where the program's libraries declare it: those of ES2025 do. */
export type HalfArray = typeof globalThis extends {
  /** The constructor. */
  Float16Array: {
    /** What its instances are. */
    prototype: infer Half;
  };
}
  ? Half & object
  : never;

/**
 * An array that the caller owns: `rows * size` elements, row after row, or the `size` elements of a gain or bias. f32 are in
 * a Float32Array; f16 are in a Float16Array, or as their bits in a Uint16Array; bf16 as their bits in a Uint16Array.
 */
export type HostArray = Float32Array | Uint16Array | HalfArray;

/**
 * The array that elements of a dtype are in: Float32Array, or Uint16Array with their bits.
 *
 * @typeParam D the element type.
 */
export type ElementArray<D extends DType> = D extends "f32" ? Float32Array : Uint16Array;
