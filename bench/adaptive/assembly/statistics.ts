/**
 * assembly/statistics.ts without what is adaptive: one pass in f32, whatever the row. ../run.ts compiles this file
 * instead, to measure the cost of the adaptive statistics. The results are wrong for all rows but ordinary ones.
 */
import { Origin, Value, Whole } from "./formulas";
import { Double, Single } from "./lanes";
import { sum0, sum1, sumRow } from "./sums";

export let mean: f64 = 0;
export let squares: f64 = 0;

/** No row is too short. */
export const SHORT: i32 = 0;

export function moments(x: usize, size: i32): void {
  const none = f64x2.splat(0);
  sumRow<Single, Origin, Value>(x, 0, 0, size, none, none, none, none);
  momentsOfSums(x, size, sum0, sum1);
}

export function momentsOfSums(x: usize, size: i32, sum: f64, sumSquares: f64): void {
  mean = sum / <f64>size;
  squares = sumSquares - sum * mean;
}

export function momentsInDouble(x: usize, size: i32): void {
  const none = f64x2.splat(0);
  sumRow<Double, Origin, Value>(x, 0, 0, size, none, none, none, none);
  mean = sum0 / <f64>size;
  sumRow<Double, Whole, Value>(x, 0, 0, size, f64x2.splat(mean), none, none, none);
  squares = sum1;
}

export function momentsAtOrigin(x: usize, size: i32): void {
  const none = f64x2.splat(0);
  sumRow<Single, Origin, Value>(x, 0, 0, size, none, none, none, none);
  momentsAtOriginOfSums(x, size, sum1);
}

export function momentsAtOriginOfSums(x: usize, size: i32, sumSquares: f64): void {
  mean = 0;
  squares = sumSquares;
}

export function reciprocalStd(variance: f64, eps: f64, epsAtStd: bool): f64 {
  return 1 / (epsAtStd ? sqrt(variance) + eps : sqrt(variance + eps));
}

export function derivativeFactor(rstd: f64, eps: f64, epsAtStd: bool): f64 {
  const std = 1 / rstd - eps;
  return epsAtStd ? (std + eps) / std : 1;
}
