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

export function reciprocalStd(call: Call): f64 {
  const variance = squares / <f64>(call.size - call.ddof);
  return 1 / (call.epsAtStd ? sqrt(variance) + call.eps : sqrt(variance + call.eps));
}

export function derivativeFactor(call: Call, rstd: f64): f64 {
  const std = 1 / rstd - call.eps;
  return call.epsAtStd ? (std + call.eps) / std : 1;
}
