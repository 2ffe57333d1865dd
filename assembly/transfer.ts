/**
 * One conversion or addition of rows, as a block in linear memory: where the rows lie, and where the results go. Addresses
 * and strides are as in call.ts. `npm run layout` writes src/layout.ts from this class.
 */
@unmanaged
@final
export class Transfer {
  /** The storage of the 16-bit side: 1 for f16, 2 for bf16. 0 if all rows are f32. */
  type: i32;
  /** Elements in a row. */
  size: i32;
  from: usize;
  fromStride: usize;
  /** addRows adds this to `from`. */
  addend: usize;
  addendStride: usize;
  to: usize;
  toStride: usize;

  @inline fromAt(row: i32): usize {
    return this.from + <usize>row * this.fromStride;
  }
  @inline toAt(row: i32): usize {
    return this.to + <usize>row * this.toStride;
  }
}
