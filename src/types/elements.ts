/**
 * How elements are stored: `"f32"`, IEEE 754 binary32; `"f16"`, binary16 (5 bits of exponent, 10 of fraction); `"bf16"`,
 * bfloat16, the upper half of an f32. For every storage, arithmetic is in f32 or better, and statistics are in double
 * precision. A result is rounded once: to the nearest, ties to even; if it is too large, to infinity.
 */
export type DType = "f32" | "f16" | "bf16";

/** `Float16Array` if the libraries of the program declare it, as those of ES2025 do. Otherwise `never`. */
export type HalfArray = typeof globalThis extends {
  /** The constructor. */
  Float16Array: {
    /** Has the type of the instances. */
    prototype: infer Half;
  };
}
  ? Half & object
  : never;

/**
 * An array that the caller owns: `rows * size` elements, row after row, or the `size` elements of a gain or bias. A
 * Float32Array holds f32. A Float16Array holds f16. A Uint16Array holds the bits of f16 or bf16.
 */
export type HostArray = Float32Array | Uint16Array | HalfArray;

/**
 * The array that holds elements of a dtype: Float32Array for f32, Uint16Array with the bits of f16 and bf16.
 *
 * @typeParam D the element type.
 */
export type ElementArray<D extends DType> = D extends "f32" ? Float32Array : Uint16Array;
