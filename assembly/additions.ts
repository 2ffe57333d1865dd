/** Passes that add two rows, one of them with the sums of the result on the way. */

import { Call } from "./call";
import { Single } from "./lanes";
import { blockOf, QUAD, REST, storeSums } from "./sums";

/** One vector of out = x + addend. */
@unmanaged
@final
class Added {
  @inline of(x: usize, addend: usize, out: usize): v128 {
    const sum = f32x4.add(v128.load(x), v128.load(addend));
    v128.store(out, sum);
    return sum;
  }
}

/** out = x + addend of so many elements. out may be x or the addend. */
export function addElements(x: usize, addend: usize, out: usize, size: i32): void {
  const lanes = changetype<Single>(0);
  const added = changetype<Added>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = out + <usize>size * lanes.bytes();
  const groupsEnd = end - ((end - out) % (step * QUAD));
  while (out < groupsEnd) {
    added.of(x, addend, out);
    added.of(x + step, addend + step, out + step);
    added.of(x + step * 2, addend + step * 2, out + step * 2);
    added.of(x + step * 3, addend + step * 3, out + step * 3);
    x += step * QUAD;
    addend += step * QUAD;
    out += step * QUAD;
  }
  const vectorsEnd = end - ((end - out) % step);
  while (out < vectorsEnd) {
    added.of(x, addend, out);
    x += step;
    addend += step;
    out += step;
  }
  if (out < end) {
    const n = <i32>((end - out) / lanes.bytes());
    lanes.storePart(out, lanes.add(lanes.loadPart(x, n), lanes.loadPart(addend, n)), n);
  }
}

/**
 * sum = x + residual of one row and, on the way, the sums of that and of its squares, in sumElements' order, which go where
 * the row's mean and rstd are to be.
 */
export function addRow(call: Call, row: i32): void {
  const lanes = changetype<Single>(0);
  const added = changetype<Added>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);
  let x = call.xAt(row);
  let residual = call.residual + <usize>row * call.residualStride;
  let out = call.sumAt(row);
  let sums = none;
  let squares = none;
  const block = step * blockOf(call.size);
  const rest = call.size & REST;
  const end = out + <usize>(call.size - rest) * lanes.bytes();
  while (out < end) {
    let v = none;
    let w = none;
    const blockEnd = min(out + block, end);
    do {
      const f0 = added.of(x, residual, out);
      const f1 = added.of(x + step, residual + step, out + step);
      const f2 = added.of(x + step * 2, residual + step * 2, out + step * 2);
      const f3 = added.of(x + step * 3, residual + step * 3, out + step * 3);
      const w01 = lanes.madd(f1, f1, lanes.mul(f0, f0));
      const w23 = lanes.madd(f3, f3, lanes.mul(f2, f2));
      v = lanes.add(v, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
      w = lanes.add(w, lanes.add(w01, w23));
      x += step * QUAD;
      residual += step * QUAD;
      out += step * QUAD;
    } while (out < blockEnd);
    sums = f64x2.add(sums, lanes.widen(v));
    squares = f64x2.add(squares, lanes.widen(w));
  }
  if (rest) addElements(x, residual, out, rest);
  storeSums(call, row, sums, squares, out);
}
