/** Checks how many elements an argument has. */
import { rangeError } from "./checks.js";
import type { CallContext } from "./context.js";

/** The number of rows in an array of this length. The array may end with its last row, before a whole stride. */
export function rowsIn({ call, size }: CallContext, argument: string, length: number, stride: number): number {
  const rest = length % stride;
  if (rest !== 0 && rest < size) {
    const expected =
      stride === size
        ? `a length that is a multiple of size ${size}`
        : `a length of whole rows of size ${size}, rowStride ${stride} apart`;
    throw rangeError(call, argument, expected, `${length}`);
  }
  return Math.ceil(length / stride);
}

/** Whether `count` gains can be shared by so many rows, each by as many as the others. */
export function canShare(count: number, rows: number): boolean {
  return Number.isInteger(count) && (count === 0 ? rows === 0 : rows % count === 0);
}

/** The error for a gain or a bias for which {@link canShare} does not hold. */
export function countError({ call, size }: CallContext, argument: string, rows: number, got: string): RangeError {
  const more = rows === 1 ? "" : `, or m times as many where m divides ${rows} rows`;
  return rangeError(call, argument, `${size} elements${more}`, got);
}
