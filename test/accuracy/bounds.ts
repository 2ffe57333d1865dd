/**
 * The bounds that the package promises, each in the unit that the quantity is measured in. They hold for rows of 1 to
 * 1,000,000 elements, for dGain and dBias for up to 1,000,000 rows.
 *
 *   mean          2^-23 of max(|mean|, sigma)
 *   variance      ulp of f32 at the exact value; so rstd
 *   y             2^-23 of max(1, |y|)
 *   z (adaNorm)   2^-23 of C max(1, |y|) (1 + 2 k |y|)
 *   dx            2^-23 of r max|e| over the row, e = dL/dy; of r max|s y| where a gradient aligned with an outlier makes
 *                 that the larger term
 *   dGain, dBias  2^-22 of the sum of the magnitudes of the terms, for many rows; over a few rows dGain's terms u y count
 *                 as |u| max(1, |y|), the unit that goes with that of y: where all y of a column are near 0, the error of
 *                 the mean, which is relative to sigma, is all that is left of them
 *   constant      elements of a constant row that are not exactly 0, or the bias, for eps > 0
 */
export const QUANTITIES = ["mean", "variance", "rstd", "y", "z", "dx", "dGain", "dBias", "constant"] as const;

export type Quantity = (typeof QUANTITIES)[number];

/** 2^-23, the spacing of f32 at 1. */
export const ULP = 2 ** -23;

export function boundOf(quantity: Quantity, size: number): number {
  switch (quantity) {
    case "variance":
    case "z":
      return 4;
    case "rstd":
      return 2;
    case "y":
      return 3;
    case "dx":
      return size <= 65536 ? 3 : 4;
    case "constant":
      return 0;
    default:
      return 1;
  }
}

const bits = new DataView(new ArrayBuffer(8));

/** The spacing of f32 at a value, as if its exponents had no end. */
export function ulpAt(value: number): number {
  bits.setFloat64(0, value);
  const exponent = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1023;
  return 2 ** (exponent - 23);
}

/** An error in units; an exact result has none whatever the unit, and what is no number is infinitely far off. */
export function inUnits(error: number, unit: number): number {
  if (error === 0) return 0;
  const units = Math.abs(error) / unit;
  return units >= 0 ? units : Number.POSITIVE_INFINITY;
}

export interface Worst {
  value: number;
  /** The norm, its options and the row. */
  at: string;
}

/** The largest error of each quantity. */
export class Tally {
  readonly worst: Partial<Record<Quantity, Worst>> = {};

  note(quantity: Quantity, value: number, norm: string, batch: string, row?: number): void {
    const before = this.worst[quantity];
    if (before && before.value >= value) return;
    this.worst[quantity] = { value, at: `${norm}; ${batch}${row === undefined ? "" : `; row ${row}`}` };
  }
}
