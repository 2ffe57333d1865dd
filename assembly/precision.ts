/** Which rows single precision can serve, and the scalars of rows that neither precision could. */

/**
 * How a row is computed: in f32 with the mean in one number, in f32 with the mean split in two, or in f64. Backward takes a
 * Single row from x itself, and its scalars make up for the mean: products with x in the place of x - mean lose little more to
 * rounding, where the mean is within a sigma.
 */
export enum Precision {
  Single,
  Split,
  Double,
}

/** `single` where f32 can take the row, `split` where it can do so only with the mean split. */
export function precisionOf(single: bool, split: bool): Precision {
  return single ? (split ? Precision.Split : Precision.Single) : Precision.Double;
}

const SMALLEST_RSTD_OF_SINGLE: f64 = 2.3283064365386963e-10; // 2^-32
const LARGEST_RSTD_OF_SINGLE: f64 = 4294967296.0; // 2^32

/** Whether 1 / sigma is that of a row whose centred elements, and their products with 1 / sigma, f32 holds. */
export function rowFitsSingle(rstd: f64): bool {
  return rstd >= SMALLEST_RSTD_OF_SINGLE && rstd <= LARGEST_RSTD_OF_SINGLE;
}

/** The same for a row of gradients, which are multiplied by centred elements before they are by 1 / sigma. */
export function gradientFitsSingle(rstd: f64): bool {
  return rstd >= 1.52587890625e-5 && rstd <= 65536; // 2^-16, 2^16
}

/** Whether 1 / sigma is that of a constant row for sure: those of other rows of f32 are below 2^166. */
export function isConstant(rstd: f64): bool {
  return rstd > 1.6069380442589903e60; // 2^200
}

/**
 * scale / sigma, for forward. A constant row has no element but 0 to multiply by it, and 0 must stay 0 where eps is so small
 * that products with it are infinite; where eps is 0, so is 1 / sigma, and 0 / 0 stands.
 */
export function forwardFactor(scale: f64, rstd: f64): f64 {
  return isConstant(rstd) && rstd < Infinity ? 0 : scale * rstd;
}

const LARGEST_RSTD: f64 = 2.9073548971824276e135; // 2^450

/**
 * 1 / sigma for backward: NaN where it is infinite, which is 0 / 0; no more than 2^450, where any dx but 0 is beyond f32
 * already, so that no product of it overflows.
 */
export function backwardRstd(rstd: f64): f64 {
  if (rstd <= LARGEST_RSTD) return rstd;
  return rstd < Infinity ? LARGEST_RSTD : NaN;
}

/** Whether scale and k are such that scale r and scale k r^2 are at home in f32 for every row that fits. */
export function factorsFitSingle(scale: f64, k: f64): bool {
  return isModerate(scale) && (k == 0 || isModerate(k));
}

function isModerate(factor: f64): bool {
  return factor >= 1.52587890625e-5 && factor <= 65536; // 2^-16, 2^16
}

/** Whether a scalar that a row's sums give is at home in f32, with room for what it is multiplied by. */
export function sumFitsSingle(scalar: f64): bool {
  const magnitude = abs(scalar);
  return magnitude == 0 || (magnitude >= 7.888609052210118e-31 && magnitude <= 1.2676506002282294e30); // 2^-100, 2^100
}

/** Whether f32 can take both of two rows with their means whole: rowFitsSingle, and not needsSplit, of both. */
export function areOrdinary(means: v128, rstds: v128): bool {
  const fit = v128.and(
    f64x2.ge(rstds, f64x2.splat(SMALLEST_RSTD_OF_SINGLE)),
    f64x2.le(rstds, f64x2.splat(LARGEST_RSTD_OF_SINGLE)),
  );
  const whole = f64x2.le(f64x2.mul(f64x2.abs(means), rstds), f64x2.splat(1));
  return i64x2.all_true(v128.and(fit, whole));
}

/** Whether the mean is so far off, in units of sigma, that rounding it to f32 would show in z. */
export function needsSplit(mean: f64, rstd: f64): bool {
  return abs(mean) * rstd > 1;
}
