/** Rows in plain double precision: as contiguous numbers, as 8-bit integers, and as bits. */

/** @internal Copies the rows of a batch into contiguous memory. */
export function rowsOf(
  batch: ArrayLike<number>,
  { size, rowStride = size }: { size: number; rowStride?: number | undefined },
): Float64Array {
  const rows = Math.ceil(batch.length / rowStride);
  return Float64Array.from(
    { length: rows * size },
    (_, i) => batch[Math.floor(i / size) * rowStride + (i % size)] as number,
  );
}

/** The options of {@link int8} and {@link bits}. */
export interface ReferenceRowsOptions {
  /** The length of one row: an integer, 1 or more. */
  size: number;
  /** One scale for all rows, more than 0. Default: each row has its own, max|x| / 127. No effect in bits. */
  scale?: number | undefined;
  /** Elements from row to row in x. Default: size. Results are always contiguous. */
  rowStride?: number | undefined;
}

/** The nearest whole number, ties to even. */
function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/**
 * Rows as 8-bit integers: round(x / scale), ties to even, from -127 to 127. The same as `rows.int8`. Does not check its arguments.
 *
 * @param x `rows x size` numbers, row-major.
 * @param options size, and the scale if it is the same for all rows.
 * @returns the integers, `rows x size`, and the scale of each row.
 */
export function int8(
  x: ArrayLike<number>,
  options: ReferenceRowsOptions,
): {
  /** From -127 to 127. */
  values: Int8Array;
  /** Length `rows`. */
  scale: Float64Array;
} {
  const { size } = options;
  const input = rowsOf(x, options);
  const scale = new Float64Array(input.length / size);
  const values = new Int8Array(input.length);
  for (let r = 0; r < scale.length; r++) {
    const row = input.subarray(r * size, (r + 1) * size);
    const own = options.scale ?? row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    scale[r] = own;
    for (let i = 0; i < size; i++) {
      const rounded = Math.max(-127, Math.min(127, roundToEven((row[i] as number) / own)));
      // 0 / 0, and finite elements by an infinite scale, give 0; so does infinity by infinity.
      values[r * size + i] = Number.isNaN(rounded) ? 0 : rounded;
    }
  }
  return { values, scale };
}

/**
 * Rows as bits: 1 where x > 0, the first of eight elements in the most significant bit. The same as `rows.bits`. Does not check its
 * arguments.
 *
 * @param x `rows x size` numbers, row-major.
 * @param options size; also rowStride.
 * @returns the bits of each row in whole bytes.
 */
export function bits(x: ArrayLike<number>, options: ReferenceRowsOptions): Uint8Array {
  const { size } = options;
  const input = rowsOf(x, options);
  const bytes = Math.ceil(size / 8);
  const result = new Uint8Array((input.length / size) * bytes);
  input.forEach((value, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    const at = row * bytes + (column >> 3);
    if (value > 0) result[at] = (result[at] as number) | (128 >> (column & 7));
  });
  return result;
}
