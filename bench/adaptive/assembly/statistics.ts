/**
 * assembly/statistics.ts without what is adaptive: one pass in f32, whatever the row. ../run.ts compiles this file
 * instead, to measure the cost of the adaptive statistics. The results are wrong for all rows but ordinary ones.
 */
import { Call } from "./call";
import { Origin, Whole } from "./formulas/centring";
import { Value } from "./formulas/elements";
import { Double, Single } from "./lanes";
import { sum0, sum1, sumElements } from "./sums";

export let mean: f64 = 0;
export let squares: f64 = 0;

/** No row is too short. */
export const SHORT: i32 = 0;

export function moments(x: usize, size: i32): void {
  sumElements<Single, Origin, Value>(x, size, 0);
  momentsOfSums(x, size, sum0, sum1);
}

export function momentsOfSums(x: usize, size: i32, sum: f64, sumSquares: f64): void {
  mean = sum / <f64>size;
  squares = sumSquares - sum * mean;
}

export function momentsInDouble(x: usize, size: i32): void {
  sumElements<Double, Origin, Value>(x, size, 0);
  mean = sum0 / <f64>size;
  sumElements<Double, Whole, Value>(x, size, mean);
  squares = sum1;
}

export function momentsAtOrigin(x: usize, size: i32): void {
  sumElements<Single, Origin, Value>(x, size, 0);
  momentsAtOriginOfSums(x, size, sum1);
}

export function momentsAtOriginOfSums(x: usize, size: i32, sumSquares: f64): void {
  mean = 0;
  squares = sumSquares;
}

export function reciprocalStd(variance: f64, eps: f64, epsAtStd: bool): f64 {
  return 1 / (epsAtStd ? sqrt(variance) + eps : sqrt(variance + eps));
}

/** All pairs of rows. */
export function settleTwoRows(call: Call, row: i32): bool {
  const size = f64x2.splat(<f64>call.size);
  const sums = v128.load(call.meanAt(row));
  const means = call.centred ? f64x2.div(sums, size) : f64x2.splat(0);
  const squares = f64x2.sub(v128.load(call.rstdAt(row)), f64x2.mul(sums, means));
  const variances = f64x2.div(squares, f64x2.splat(<f64>(call.size - call.ddof)));
  const eps = f64x2.splat(call.eps);
  const sigmas = call.epsAtStd ? f64x2.add(f64x2.sqrt(variances), eps) : f64x2.sqrt(f64x2.add(variances, eps));
  v128.store(call.meanAt(row), means);
  v128.store(call.rstdAt(row), f64x2.div(f64x2.splat(1), sigmas));
  return true;
}

export function derivativeFactor(rstd: f64, eps: f64): f64 {
  const std = 1 / rstd - eps;
  return (std + eps) / std;
}
