/**
 * Rows on their way from one place to another, as a block of linear memory: to another storage, or added to others.
 * Addresses and strides are as in call.ts. `npm run layout` writes src/layout.ts from this class.
 */
@unmanaged
@final
export class Transfer {
  /** The storage that is not f32: 1 for f16, 2 for bf16. 0 where all are f32. */
  type: i32;
  /** Elements in a row. */
  size: i32;
  from: usize;
  fromStride: usize;
  /** What addRows adds. */
  addend: usize;
  addendStride: usize;
  to: usize;
  toStride: usize;
}
