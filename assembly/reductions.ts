/** Row reductions: one f64 for each row, summed in f64 throughout. */

import { Origin } from "./formulas/centring";
import { Value } from "./formulas/elements";
import { Double, Single } from "./lanes";
import { mean, momentsInDouble, squares } from "./statistics";
import { extremeRow, sum0, sum1, sumElements } from "./sums";

/** The sums of x (T: Value) or |x| (T: Magnitude). */
export function sums<T>(x: usize, out: usize, rows: i32, size: i32): void {
  for (let row = 0; row < rows; row++) {
    sumElements<Double, Origin, T>(x, size, 0);
    store<f64>(out, sum0);
    x += <usize>size * sizeof<f32>();
    out += sizeof<f64>();
  }
}

/** The sums of x^2. */
export function sumSquares(x: usize, out: usize, rows: i32, size: i32): void {
  for (let row = 0; row < rows; row++) {
    sumElements<Double, Origin, Value>(x, size, 0);
    store<f64>(out, sum1);
    x += <usize>size * sizeof<f32>();
    out += sizeof<f64>();
  }
}

/** The means, and the variances: the sums of (x - mean)^2 divided by (size - ddof). */
export function variances(x: usize, means: usize, out: usize, rows: i32, size: i32, ddof: i32): void {
  for (let row = 0; row < rows; row++) {
    momentsInDouble(x, size);
    store<f64>(means, mean);
    store<f64>(out, squares / <f64>(size - ddof));
    x += <usize>size * sizeof<f32>();
    means += sizeof<f64>();
    out += sizeof<f64>();
  }
}

/** The smallest elements (M: Smaller) or the largest (M: Larger). */
export function extremes<M>(x: usize, out: usize, rows: i32, size: i32): void {
  for (let row = 0; row < rows; row++) {
    store<f64>(out, extremeRow<Single, M>(x, size));
    x += <usize>size * sizeof<f32>();
    out += sizeof<f64>();
  }
}
