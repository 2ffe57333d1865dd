/**
 * Conversions between storages, and sums of two batches: what the norms' kernels need around them if batches are not f32.
 */

import { Floats, Single } from "./lanes";
import { addElements } from "./maps";
import { F32 } from "./storage";
import { Transfer } from "./transfer";

/** Converts rows of 16-bit elements to f32. */
export function widen<I>(transfer: Transfer, first: i32, rows: i32): void {
  let from = transfer.fromAt(first);
  let to = transfer.toAt(first);
  let size = transfer.size;
  if (transfer.fromStride == (<usize>size) << 1 && transfer.toStride == (<usize>size) << 2) {
    // Contiguous rows are converted as one long row, which leaves fewer remainders.
    size *= rows;
    rows = min(rows, 1);
  }
  for (let row = 0; row < rows; row++) {
    widenRow<I>(from, to, size);
    from += transfer.fromStride;
    to += transfer.toStride;
  }
}

/** Converts rows of f32 to 16-bit elements, rounded once. `areNumbers` promises no NaN, which saves the search for one. */
export function narrow<O>(transfer: Transfer, first: i32, rows: i32, areNumbers: bool): void {
  let from = transfer.fromAt(first);
  let to = transfer.toAt(first);
  let size = transfer.size;
  if (transfer.fromStride == (<usize>size) << 2 && transfer.toStride == (<usize>size) << 1) {
    size *= rows;
    rows = min(rows, 1);
  }
  for (let row = 0; row < rows; row++) {
    if (areNumbers || !holdsNaN(from, size)) narrowNumbers<O>(from, to, size);
    else convert<F32, O>(from, to, size);
    from += transfer.fromStride;
    to += transfer.toStride;
  }
}

/** Adds rows of the addend to those of `from`, all f32. `to` may equal either. */
export function add(transfer: Transfer, first: i32, rows: i32): void {
  let from = transfer.fromAt(first);
  let addend = transfer.addend + <usize>first * transfer.addendStride;
  let to = transfer.toAt(first);
  for (let row = 0; row < rows; row++) {
    addElements(from, addend, to, transfer.size);
    from += transfer.fromStride;
    addend += transfer.addendStride;
    to += transfer.toStride;
  }
}

/** Converts elements of any value from one storage to another. */
function convert<I, O>(from: usize, to: usize, size: i32): void {
  const lanes = changetype<Floats<I, O>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const outStep = lanes.outBytes() * <usize>lanes.width();
  const end = from + <usize>size * lanes.bytes();
  const pairsEnd = end - ((end - from) % (step * 2));
  while (from < pairsEnd) {
    lanes.storePair(to, lanes.load(from), lanes.load(from + step));
    from += step * 2;
    to += outStep * 2;
  }
  if (end - from >= step) {
    lanes.store(to, lanes.load(from));
    from += step;
    to += outStep;
  }
  const rest = <i32>((end - from) / lanes.bytes());
  if (rest) lanes.storePart(to, lanes.loadPart(from, rest), rest);
}

/** Elements in one turn of the fast loops. An engine may rebuild constants in every turn, so turns are long. */
const CHUNK: i32 = 16;
/** The remainder of a row takes one such step before single vectors. */
const HALF_CHUNK: i32 = 8;

/** Converts one row of 16-bit elements to f32. */
function widenRow<I>(x: usize, out: usize, size: i32): void {
  const from = changetype<I>(0);
  const any = changetype<Floats<I, F32>>(0);
  const end = x + ((<usize>(size & -CHUNK)) << 1);
  while (x < end) {
    const first = v128.load(x);
    const second = v128.load(x, 16);
    if (from.areRare(first, second)) {
      any.store(out, any.load(x));
      any.store(out + 16, any.load(x + 8));
      any.store(out + 32, any.load(x + 16));
      any.store(out + 48, any.load(x + 24));
    } else {
      from.widen8(out, first);
      from.widen8(out + 32, second);
    }
    x += CHUNK << 1;
    out += CHUNK << 2;
  }
  let rest = size & (CHUNK - 1);
  if (rest >= HALF_CHUNK) {
    const elements = v128.load(x);
    if (from.areRare(elements, elements)) {
      convert<I, F32>(x, out, HALF_CHUNK);
    } else {
      from.widen8(out, elements);
    }
    x += HALF_CHUNK << 1;
    out += HALF_CHUNK << 2;
    rest -= HALF_CHUNK;
  }
  convert<I, F32>(x, out, rest);
}

/** Converts one row of f32, which holds no NaN, to 16-bit elements. */
function narrowNumbers<O>(x: usize, out: usize, size: i32): void {
  const to = changetype<O>(0);
  const end = x + ((<usize>(size & -CHUNK)) << 2);
  while (x < end) {
    to.store8Numbers(out, v128.load(x), v128.load(x, 16));
    to.store8Numbers(out + 16, v128.load(x, 32), v128.load(x, 48));
    x += CHUNK << 2;
    out += CHUNK << 1;
  }
  let rest = size & (CHUNK - 1);
  if (rest >= HALF_CHUNK) {
    to.store8Numbers(out, v128.load(x), v128.load(x, 16));
    x += HALF_CHUNK << 2;
    out += HALF_CHUNK << 1;
    rest -= HALF_CHUNK;
  }
  convert<F32, O>(x, out, rest);
}

/** Whether a row of f32 holds a NaN. Also true if its sum is NaN for another reason, such as infinities of both signs. */
function holdsNaN(x: usize, size: i32): bool {
  const lanes = changetype<Single>(0);
  // Summing is the cheapest search: a NaN makes the sum NaN.
  let sum0 = f64x2.splat(0);
  let sum1 = f64x2.splat(0);
  const end = x + ((<usize>(size & -CHUNK)) << 2);
  while (x < end) {
    sum0 = lanes.add(sum0, lanes.add(v128.load(x), v128.load(x, 16)));
    sum1 = lanes.add(sum1, lanes.add(v128.load(x, 32), v128.load(x, 48)));
    x += CHUNK << 2;
  }
  for (let rest = size & (CHUNK - 1); rest; rest--) {
    sum0 = lanes.add(sum0, lanes.loadSplat(x));
    x += sizeof<f32>();
  }
  sum0 = lanes.add(sum0, sum1);
  return v128.any_true(f32x4.ne(sum0, sum0));
}
