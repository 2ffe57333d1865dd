/** Decides which precision is exact enough for a row, and limits scalars that would overflow in either precision. */

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

/** `single`: f32 is exact enough for the row. `split`: its mean must be split in two for that. */
export function precisionOf(single: bool, split: bool): Precision {
  return single ? (split ? Precision.Split : Precision.Single) : Precision.Double;
}

const SMALLEST_RSTD_OF_SINGLE: f64 = 2.3283064365386963e-10; // 2^-32
const LARGEST_RSTD_OF_SINGLE: f64 = 4294967296.0; // 2^32

/** Whether 1 / sigma is that of a row whose centred elements, and their products with 1 / sigma, f32 holds. */
export function rowFitsSingle(rstd: f64): bool {
  return rstd >= SMALLEST_RSTD_OF_SINGLE && rstd <= LARGEST_RSTD_OF_SINGLE;
}

/** Whether a row with this rstd must be constant: the rstd of any other row of f32 is below 2^166. */
export function isConstant(rstd: f64): bool {
  return rstd > 1.6069380442589903e60; // 2^200
}

/**
 * scale rstd, for forward. The centred elements of a constant row are 0. They must stay 0 even if eps is so small that
 * scale rstd is infinite in f32, so the factor is 0 then. If eps is 0, rstd is infinite, and the row is NaN, like 0 / 0.
 */
export function forwardFactor(scale: f64, rstd: f64): f64 {
  return isConstant(rstd) && rstd < Infinity ? 0 : scale * rstd;
}

const LARGEST_RSTD: f64 = 2.9073548971824276e135; // 2^450

/**
 * rstd for backward. NaN if rstd is infinite, because dx is 0 / 0 then. Otherwise 2^450 at most, so that no product with it
 * overflows f64; with such an rstd every dx but 0 is beyond f32 anyway.
 */
export function backwardRstd(rstd: f64): f64 {
  if (rstd <= LARGEST_RSTD) return rstd;
  return rstd < Infinity ? LARGEST_RSTD : NaN;
}

/** Whether f32 holds scale rstd and scale k rstd^2 with room to spare, for every row that fits single precision. */
export function factorsFitSingle(scale: f64, k: f64): bool {
  return isModerate(scale) && (k == 0 || isModerate(k));
}

function isModerate(factor: f64): bool {
  return factor >= 1.52587890625e-5 && factor <= 65536; // 2^-16, 2^16
}

/** The square of the largest k z. */
const LARGEST_KZ: f64 = 0.81;

/** How many exponents of f64 there are from 2^-100 up to 2^100, and the first, as it is encoded. */
const EXPONENTS: u32 = 200;
const FIRST_EXPONENT: u32 = 923;

/** Whether a number is 0, or between 2^-100 and 2^100. */
function fitsScalar(scalar: f64): bool {
  const magnitude = abs(scalar);
  return magnitude == 0 || (magnitude >= 7.888609052210118e-31 && magnitude <= 1.2676506002282294e30);
}

/** Checks for a row of backward. They are methods, so that they are inlined: a short row notices the calls. */
@unmanaged
@final
export class GradientFits {
  /** As rowFitsSingle, for backward, which multiplies gradients by centred elements before it multiplies them by rstd. */
  @inline row(rstd: f64): bool {
    return rstd >= 1.52587890625e-5 && rstd <= 65536; // 2^-16, 2^16
  }
  /** Whether f32 holds h of adaNorm, which is dy times 1 / (k rstd) or so. */
  @inline kRstd(kRstd: f64): bool {
    return isModerate(kRstd);
  }
  /** 1 if a number's exponent is that of one from 2^-100 up to 2^100. */
  @inline isBetween(scalar: f64): i32 {
    const exponent = <u32>(reinterpret<u64>(scalar) >> 52) & 0x7ff;
    return <i32>(exponent - FIRST_EXPONENT < EXPONENTS);
  }
  /** Whether f32 holds four scalars made from the sums of a row, and leaves room for products with them. */
  @inline scalars(a: f64, b: f64, c: f64, d: f64): bool {
    // Nearly always, and one branch for all four.
    const areModerate = this.isBetween(a) & this.isBetween(b) & this.isBetween(c) & this.isBetween(d);
    return areModerate != 0 || (fitsScalar(a) && fitsScalar(b) && fitsScalar(c) && fitsScalar(d));
  }
  /**
   * The largest z^2 of rows that f32 can take. Where one element makes up more than a quarter of the
   * variance, dx is the small difference of rstd dz and viaStd t there; where its z is large, it magnifies what rounding
   * x - mean alike in all of a binade has put into viaStd; and where k z is near 1, 1 - k z is a small difference too.
   */
  @inline largest(k: f64, size: i32): f64 {
    return min(min(36, <f64>size / 4), LARGEST_KZ / (k * k));
  }
  /** Whether f32 computes 1 - k z exactly enough, for the square of the largest |z|. */
  @inline slope(k: f64, largest: f64): bool {
    return k * k * largest <= LARGEST_KZ;
  }
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
