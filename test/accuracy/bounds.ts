import { exponentOf } from "./storage.ts";

/**
 * The bounds that the package promises, each in the unit that the quantity is measured in. They hold for rows of 1 to
 * 1,000,000 elements, for dGain and dBias for up to 1,000,000 rows.
 *
 *   mean          2^-23 of max(|mean|, sigma)
 *   variance      ulp of f32 at the exact value; so rstd. A quarter more in rows of 256 elements or more whose mean is an
 *                 eighth to half a sigma from 0: they take one pass, which magnifies the rounding errors
 *   z             2^-23 of max(1, |z|): the normalised row, which layerNormSimple, and rmsNorm without gain and bias, return
 *                 2^-23 of |z| for l2Norm, which subtracts no mean, and whose elements are small
 *   y (adaNorm)   2^-23 of C max(1, |z|) (1 + 2 k |z|)
 *   dx            2^-23 of r max(|dz| + |a| + 2 |s z|) over the row: the terms that dx is made of, the last of which goes with
 *                 r^3. For adaNorm |dz| is C |dy| (1 + k |z|), with 2 k where phi is differentiated
 *   dGain, dBias  2^-22 of the sum of the magnitudes of the terms, for many rows; over a few rows dGain's terms dy z count
 *                 as |dy| max(1, |z|), the unit that matches that of z: if all z of a column are near 0, they consist of
 *                 the error of the mean, which is relative to sigma. dGain may be off by two units
 *   constant      elements of a constant row that are not exactly 0, or the bias, for eps > 0
 *
 * Where batches are stored in 16 bits, or are the sums with a residual:
 *
 *   sum           elements that are not exactly x + residual, rounded once
 *   z, y, dx      as above, beyond half a unit in the last place of the storage
 *   total         dx + dSum: as dx, beyond half a unit in the last place of the total as f32 too
 *   z ulp ...     the whole error in units in the last place of the storage, over the elements at which such a unit is more
 *                 than 100 times the bound for f32, so that the rounding to the storage is all that matters
 *   z any, y any  the same over all elements: no bound of its own, as that follows from the others
 *   special       elements that are not what they must be where one row has NaN or infinity: NaN in that row, the bytes
 *                 that they would have had in all others
 */
export const QUANTITIES = ["mean", "variance", "rstd", "z", "y", "dx", "dGain", "dBias", "constant"] as const;

/** The results that are as long as the rows. */
export const ELEMENTWISE = ["z", "y", "dx", "total"] as const;

export type Elementwise = (typeof ELEMENTWISE)[number];

export type Quantity =
  | (typeof QUANTITIES)[number]
  | Elementwise
  | `${Elementwise} ulp`
  | "z any"
  | "y any"
  | "sum"
  | "special";

/** All that has a bound. */
export const BOUNDED: readonly Quantity[] = [
  ...QUANTITIES,
  "total",
  ...ELEMENTWISE.map((each) => `${each} ulp` as const),
  "sum",
  "special",
];

/**
 * If a unit in the last place of the storage is this many times the bound for f32, only the rounding to the storage
 * matters.
 */
export const CLEAR = 100;

/** 2^-23, the spacing of f32 at 1. */
export const ULP = 2 ** -23;

export function boundOf(quantity: Quantity, size: number): number {
  switch (quantity) {
    case "variance":
    case "y":
      return 4;
    case "rstd":
    case "dGain":
      return 2;
    case "z":
      return 3;
    case "dx":
    case "total":
      return size <= 65536 ? 3 : 4;
    case "constant":
    case "sum":
    case "special":
      return 0;
    case "z ulp":
    case "y ulp":
    case "dx ulp":
    case "total ulp":
      return 0.5 + 1 / CLEAR;
    case "z any":
    case "y any":
      return Number.POSITIVE_INFINITY;
    default:
      return 1;
  }
}

/** The spacing of f32 at a value, as if its exponents had no end. */
export function ulpAt(value: number): number {
  return 2 ** (exponentOf(value) - 23);
}

/** The factor from an ulp to the units of variance and rstd. */
export function magnified(mean: number, squares: number, size: number): number {
  const sigmas = Math.abs(mean) / Math.sqrt(squares / size);
  return size >= 256 && sigmas > 1 / 8 && sigmas <= 1 / 2 ? 5 / 4 : 1;
}

/** An error in units. It is 0 for an exact result, whatever the unit, and infinite for NaN. */
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
