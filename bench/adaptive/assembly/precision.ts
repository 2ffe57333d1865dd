/** assembly/precision.ts without what is adaptive: f32 and one f32 for the mean, whatever the row. See statistics.ts. */
import { Whole } from "./formulas";
import { Single } from "./lanes";
import { mapRow } from "./maps";
import { sumRow } from "./sums";

export function isConstant(rstd: f64): bool {
  return false;
}

export function forwardFactor(scale: f64, rstd: f64): f64 {
  return scale * rstd;
}

export function backwardRstd(rstd: f64): f64 {
  return rstd;
}

export function rowFitsSingle(rstd: f64): bool {
  return true;
}

export function gradientFitsSingle(rstd: f64): bool {
  return true;
}

export function factorsFitSingle(scale: f64, k: f64): bool {
  return true;
}

export function sumFitsSingle(scalar: f64): bool {
  return true;
}

export function needsSplit(mean: f64, rstd: f64): bool {
  return false;
}

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
  const high = f32x4.splat(<f32>mean);
  const none = f64x2.splat(0);
  const a4 = f32x4.splat(<f32>a);
  const b4 = f32x4.splat(<f32>b);
  mapRow<Single, Whole, T>(x, p, q, out, size, high, none, a4, b4, f32x4.splat(<f32>c), f32x4.splat(<f32>d));
}

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
  const high = f32x4.splat(<f32>mean);
  const none = f64x2.splat(0);
  sumRow<Single, Whole, T>(x, p, q, size, high, none, f32x4.splat(<f32>a), f32x4.splat(<f32>b));
}
