/** Which rows single precision can serve, and the passes about the mean in the precision that a row asks for. */
import { Split, Whole } from "./formulas";
import { Double, Single } from "./lanes";
import { mapRow } from "./maps";
import { sumRow } from "./sums";

/** Whether 1 / sigma is that of a row whose centred elements, and their products with 1 / sigma, f32 holds. */
export function rowFitsSingle(rstd: f64): bool {
  return rstd >= 2.3283064365386963e-10 && rstd <= 4294967296.0; // 2^-32, 2^32
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

/**
 * 1 / sigma for backward: NaN where it is infinite, which is 0 / 0; no more than 2^450, where any dx but 0 is beyond f32
 * already, so that no product of it overflows.
 */
export function backwardRstd(rstd: f64): f64 {
  return rstd < Infinity ? min(rstd, 2.9073548971824276e135) : NaN;
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

/** Whether the mean is so far off, in units of sigma, that rounding it to f32 would show in y. */
export function needsSplit(mean: f64, rstd: f64): bool {
  return abs(mean) * rstd > 1;
}

/**
 * out = T(x - mean, p, q) for one row with the scalars a, b, c and d: in single precision, with the mean split or whole, or
 * in double precision.
 */
export function writeRow<T>(
  single: bool,
  split: bool,
  x: usize,
  p: usize,
  q: usize,
  out: usize,
  size: i32,
  mean: f64,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
): void {
  const none = f64x2.splat(0);
  if (single) {
    const high = <f32>mean;
    const high4 = f32x4.splat(high);
    const a4 = f32x4.splat(<f32>a);
    const b4 = f32x4.splat(<f32>b);
    const c4 = f32x4.splat(<f32>c);
    const d4 = f32x4.splat(<f32>d);
    if (split) {
      const low4 = f32x4.splat(<f32>(mean - <f64>high));
      mapRow<Single, Split, T>(x, p, q, out, size, high4, low4, a4, b4, c4, d4);
    } else {
      mapRow<Single, Whole, T>(x, p, q, out, size, high4, none, a4, b4, c4, d4);
    }
  } else {
    const a2 = f64x2.splat(a);
    const b2 = f64x2.splat(b);
    const c2 = f64x2.splat(c);
    const d2 = f64x2.splat(d);
    mapRow<Double, Whole, T>(x, p, q, out, size, f64x2.splat(mean), none, a2, b2, c2, d2);
  }
}

/**
 * sumRow's sums of T(x - mean, p, q) over one row, with the scalars a and b: in single precision, with the mean split or
 * whole, or in double precision.
 */
export function sumTerms<T>(
  single: bool,
  split: bool,
  x: usize,
  p: usize,
  q: usize,
  size: i32,
  mean: f64,
  a: f64,
  b: f64,
): void {
  const none = f64x2.splat(0);
  if (single) {
    const high = <f32>mean;
    const high4 = f32x4.splat(high);
    const a4 = f32x4.splat(<f32>a);
    const b4 = f32x4.splat(<f32>b);
    if (split) sumRow<Single, Split, T>(x, p, q, size, high4, f32x4.splat(<f32>(mean - <f64>high)), a4, b4);
    else sumRow<Single, Whole, T>(x, p, q, size, high4, none, a4, b4);
  } else {
    sumRow<Double, Whole, T>(x, p, q, size, f64x2.splat(mean), none, f64x2.splat(a), f64x2.splat(b));
  }
}
