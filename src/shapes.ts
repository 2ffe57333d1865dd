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

/** Throws unless a gain or a bias has `count` times the elements of one, and the rows that share it can be as many parts. */
export function checkCount(
  { call, size }: CallContext,
  argument: string,
  count: number,
  rows: number,
  got: string,
): void {
  if (Number.isInteger(count) && (count === 0 ? rows === 0 : rows % count === 0)) return;
  const more = rows === 1 ? "" : `, or m times as many where m divides ${rows} rows`;
  throw rangeError(call, argument, `${size} elements${more}`, got);
}
