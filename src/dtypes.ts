/** Element types: their width, their code in the kernels, and the arrays that hold them. */
import { bufferOf, byteOffsetOf, kindOf, lengthOf } from "./arrays.js";
import { checkAttached, checkOneOf, typeError } from "./checks.js";
import type { DType, HostArray } from "./types.js";

/** The arrays that elements are copied from and to. A Float16Array is seen as a Uint16Array of its bits. */
export type Elements = Float32Array | Uint16Array;

/** The codes of the storages in the kernels. 0 is the one that they compute in. */
export const CODES: Record<DType, number> = { f32: 0, f16: 1, bf16: 2 };

/** Bytes of an element. */
export const BYTES: Record<DType, number> = { f32: 4, f16: 2, bf16: 2 };

const DTYPES: readonly DType[] = ["f32", "f16", "bf16"];

const ARRAYS: Record<DType, readonly string[]> = {
  f32: ["Float32Array"],
  f16: ["Uint16Array", "Float16Array"],
  bf16: ["Uint16Array"],
};

/** What arrays hold that hold elements of one type only. */
const HELD: Readonly<Record<string, DType>> = { Float32Array: "f32", Float16Array: "f16" };

export function checkDType(call: string, dtype: unknown): DType {
  return checkOneOf(call, "dtype", dtype, DTYPES);
}

/** The names of the arrays that can hold a dtype, for error messages. */
export function arraysOf(dtype: DType): string {
  return `a ${ARRAYS[dtype].join(" or ")}`;
}

/** Whether the value is an array that can hold the dtype. Arrays of other realms (a frame, a vm context) count. */
export function holds(value: unknown, dtype: DType): value is HostArray {
  const kind = kindOf(value);
  return dtype === "f32" ? kind === "Float32Array" : kind !== undefined && ARRAYS[dtype].includes(kind);
}

/**
 * The elements of an array that holds the dtype: the array itself or, for a Float16Array, a view of its bits.
 *
 * @throws TypeError if the array is detached.
 */
export function elementsOf(call: string, argument: string, array: HostArray, dtype: DType): Elements {
  checkAttached(call, argument, array);
  if (dtype !== "f16" || kindOf(array) !== "Float16Array") return array as Elements;
  return new Uint16Array(bufferOf(array), byteOffsetOf(array), lengthOf(array));
}

/**
 * The dtype that an array holds. Throws for a Uint16Array, which can hold two. `asked` is the dtype argument, for the
 * error.
 */
export function dtypeOf(call: string, source: unknown, asked?: DType): DType {
  const known = HELD[kindOf(source) ?? ""];
  if (known !== undefined) return known;
  if (holds(source, "f16")) {
    throw typeError(call, "dtype", '"f16" or "bf16", as the bits of a Uint16Array may be either', asked);
  }
  throw typeError(call, "source", "a Float32Array, Uint16Array or Float16Array, or a number of rows", source);
}
