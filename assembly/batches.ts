/**
 * Sums x and x^2 over each of several rows, in single precision, for forward. The order of the sums is that of sumElements in
 * sums.ts, so a row gives the same bytes in a batch as alone.
 */

import { Call } from "./call";
import { Origin } from "./formulas/centring";
import { Value } from "./formulas/elements";
import { Single, sumLanes } from "./lanes";
import { Added, addElements, REST } from "./maps";
import { blockOf, sum0, sum1, sumElements } from "./sums";

/** Vectors in a group, the bytes of one vector, and the bytes of a group. */
const GROUP: usize = 4;
const STEP: usize = 16;
const GROUP_BYTES: usize = STEP * GROUP;

/** What four vectors add to a row's sums. */
@unmanaged
@final
export class Quad {
  @inline sum(v0: v128, v1: v128, v2: v128, v3: v128): v128 {
    const lanes = changetype<Single>(0);
    return lanes.add(lanes.add(v0, v1), lanes.add(v2, v3));
  }
  @inline sumOfSquares(v0: v128, v1: v128, v2: v128, v3: v128): v128 {
    const lanes = changetype<Single>(0);
    return lanes.add(lanes.madd(v1, v1, lanes.mul(v0, v0)), lanes.madd(v3, v3, lanes.mul(v2, v2)));
  }
}

/** A row of x. */
@unmanaged
@final
export class Stored {
  @inline isAdded(): bool {
    return false;
  }
  @inline of(x: usize, residual: usize, sum: usize): v128 {
    return v128.load(x);
  }
}

/** A row of x + residual, which is stored as the sum. */
@unmanaged
@final
export class Summed {
  @inline isAdded(): bool {
    return true;
  }
  @inline of(x: usize, residual: usize, sum: usize): v128 {
    return changetype<Added>(0).of(x, residual, sum);
  }
}

/**
 * Sums the elements of each row from `from` to `end`, and their squares. Stores the sums in the places of mean and rstd. The type
 * I gives the rows: x, or x + residual, which it also stores. About the origin (C) the sums of x are not needed: they are 0.
 */
export function sumRows<I, C>(call: Call, from: i32, end: i32): void {
  const input = changetype<I>(0);
  const centre = changetype<C>(0);
  const lanes = changetype<Single>(0);
  const quad = changetype<Quad>(0);
  const none = f64x2.splat(0);
  const size = call.size;
  const rest = size & REST;
  const groups = <usize>(size - rest) * lanes.bytes();
  const isLong = blockOf(size) > GROUP;
  for (let row = from; row < end; row++) {
    let x = call.xAt(row);
    let residual: usize = input.isAdded() ? call.residual + <usize>row * call.residualStride : 0;
    let sum: usize = input.isAdded() ? call.sumAt(row) : 0;
    let sums = none;
    let squares = none;
    const groupsEnd = x + groups;
    // Two groups a turn: a block or, in short rows, two. Engines unroll such loops by themselves in memory of one thread alone.
    const pairsEnd = x + (groups & ~(2 * GROUP_BYTES - 1));
    while (x < pairsEnd) {
      const v0 = input.of(x, residual, sum);
      const v1 = input.of(x + STEP, residual + STEP, sum + STEP);
      const v2 = input.of(x + STEP * 2, residual + STEP * 2, sum + STEP * 2);
      const v3 = input.of(x + STEP * 3, residual + STEP * 3, sum + STEP * 3);
      const v = centre.isCentred() ? quad.sum(v0, v1, v2, v3) : none;
      const w = quad.sumOfSquares(v0, v1, v2, v3);
      x += GROUP_BYTES;
      if (input.isAdded()) residual += GROUP_BYTES;
      if (input.isAdded()) sum += GROUP_BYTES;
      const v4 = input.of(x, residual, sum);
      const v5 = input.of(x + STEP, residual + STEP, sum + STEP);
      const v6 = input.of(x + STEP * 2, residual + STEP * 2, sum + STEP * 2);
      const v7 = input.of(x + STEP * 3, residual + STEP * 3, sum + STEP * 3);
      const vNext = centre.isCentred() ? quad.sum(v4, v5, v6, v7) : none;
      const wNext = quad.sumOfSquares(v4, v5, v6, v7);
      if (isLong) {
        if (centre.isCentred()) sums = f64x2.add(sums, lanes.widen(lanes.add(v, vNext)));
        squares = f64x2.add(squares, lanes.widen(lanes.add(w, wNext)));
      } else {
        if (centre.isCentred()) sums = f64x2.add(f64x2.add(sums, lanes.widen(v)), lanes.widen(vNext));
        squares = f64x2.add(f64x2.add(squares, lanes.widen(w)), lanes.widen(wNext));
      }
      x += GROUP_BYTES;
      if (input.isAdded()) residual += GROUP_BYTES;
      if (input.isAdded()) sum += GROUP_BYTES;
    }
    while (x < groupsEnd) {
      const v0 = input.of(x, residual, sum);
      const v1 = input.of(x + STEP, residual + STEP, sum + STEP);
      const v2 = input.of(x + STEP * 2, residual + STEP * 2, sum + STEP * 2);
      const v3 = input.of(x + STEP * 3, residual + STEP * 3, sum + STEP * 3);
      if (centre.isCentred()) sums = f64x2.add(sums, lanes.widen(quad.sum(v0, v1, v2, v3)));
      squares = f64x2.add(squares, lanes.widen(quad.sumOfSquares(v0, v1, v2, v3)));
      x += GROUP_BYTES;
      if (input.isAdded()) residual += GROUP_BYTES;
      if (input.isAdded()) sum += GROUP_BYTES;
    }
    if (input.isAdded() && rest) addElements(x, residual, sum, rest);
    changetype<RowSums>(0).store(call, row, sums, squares, input.isAdded() ? sum : x);
  }
}

/**
 * Adds the last elements of a row, which do not fill a group, and stores the sums in the places of mean and rstd. Not inlined: in the
 * loop that also writes, it would take registers.
 */
export function storeSums(call: Call, row: i32, sums: v128, squares: v128, last: usize): void {
  changetype<RowSums>(0).store(call, row, sums, squares, last);
}

/** The sums of a row of `call`. */
@unmanaged
@final
class RowSums {
  /** As storeSums, but inlined: short rows notice the call. */
  @inline store(call: Call, row: i32, sums: v128, squares: v128, last: usize): void {
    let sum = sumLanes(sums);
    let squaresSum = sumLanes(squares);
    const rest = call.size & REST;
    if (rest) {
      sumElements<Single, Origin, Value>(last, rest, 0);
      sum += sum0;
      squaresSum += sum1;
    }
    store<f64>(call.meanAt(row), sum);
    store<f64>(call.rstdAt(row), squaresSum);
  }
}
