/** Element types: how wide they are, what the kernels call them, and which arrays hold them. */
import { bufferOf, byteOffsetOf, kindOf, lengthOf } from "./arrays.js";
import { checkAttached, checkOneOf, typeError } from "./checks.js";
import type { DType, HostArray } from "./types.js";

/** What holds elements as the kernels see them: a Float16Array goes by its bits. */
export type Elements = Float32Array | Uint16Array;

/** The kernels' numbers for the storages: 0 is what they compute with. */
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

/** Arrays that hold a dtype, in words. */
export function arraysOf(dtype: DType): string {
  return `a ${ARRAYS[dtype].join(" or ")}`;
}

/** Whether the value is an array that can hold the dtype, of whatever realm (a frame, a vm context). */
export function holds(value: unknown, dtype: DType): value is HostArray {
  const kind = kindOf(value);
  return kind !== undefined && ARRAYS[dtype].includes(kind);
}

/**
 * The elements of an array: itself, or the bits of a Float16Array.
 *
 * @throws TypeError when it is no array of the dtype, or a detached one.
 */
export function elementsOf(call: string, argument: string, value: unknown, dtype: DType): Elements {
  if (!holds(value, dtype)) throw typeError(call, argument, `${arraysOf(dtype)} or a Matrix`, value);
  checkAttached(call, argument, value);
  if (dtype !== "f16" || kindOf(value) !== "Float16Array") return value as Elements;
  return new Uint16Array(bufferOf(value), byteOffsetOf(value), lengthOf(value));
}

/** What an array holds, where that is not open. `asked` is what it was to become, if anything was said. */
export function dtypeOf(call: string, source: unknown, asked?: DType): DType {
  const known = HELD[kindOf(source) ?? ""];
  if (known !== undefined) return known;
  if (holds(source, "f16")) {
    throw typeError(call, "dtype", '"f16" or "bf16", as the bits of a Uint16Array may be either', asked);
  }
  throw typeError(call, "source", "a Float32Array, Uint16Array or Float16Array, or a number of rows", source);
}
