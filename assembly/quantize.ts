/** Rows as 8-bit integers, and rows as bits. Both take sixteen elements at a time. */

import { Single } from "./lanes";

const GROUP: i32 = 16;
const STEP: usize = 16;
/** The largest integer, and the smallest one with its sign changed. */
const MOST: i32 = 127;

/**
 * 1.5 2^8. The f32 sum of this and a quotient from -128 to 128 is the quotient in units of 2^-15: its bits, as an integer, are those of
 * BASE and as many more as there are units. This takes fewer instructions than a conversion, which has to look for NaN, and the units
 * below a whole tell how near the quotient is to the middle of two integers.
 */
const BASE: f32 = 384;
const BASE_BITS: i32 = 0x43c00000;
const UNIT_BITS: i32 = 15;
const UNITS: i32 = 1 << UNIT_BITS;
/**
 * The quotient is a product with 1 / scale, off by half a unit, and is rounded to a unit. If it may be the middle of two integers or
 * on the other side, the division in f64 decides: if it is at most one unit from there.
 */
const OFF: i32 = 1;

/** Elements that are divided again if one of them is that near. */
const PIECE: i32 = 64;

/** The factors that f32 holds, with room for products: 2^-100 to 2^100. */
const SMALLEST_FACTOR: f64 = 7.888609052210118e-31;
const LARGEST_FACTOR: f64 = 1.2676506002282294e30;

/**
 * Writes rows as integers from -127 to 127, round(x / scale), ties to even, and the scale of each row. If `scale` is 0, each row has
 * its own, max|x| / 127. A NaN becomes 0. A row whose own scale is 0, infinite or NaN becomes all 0.
 */
export function integers(x: usize, values: usize, scales: usize, rows: i32, size: i32, scale: f64): void {
  for (let row = 0; row < rows; row++) {
    const largest = largestMagnitude(x, size);
    const own = scale > 0 ? scale : largest / MOST;
    store<f64>(scales, own);
    if (own > 0 && own < Infinity) integersOf(x, values, size, own, largest);
    else memory.fill(values, 0, size);
    x += <usize>size * sizeof<f32>();
    values += size;
    scales += sizeof<f64>();
  }
}

/** max|x|; NaN if the row has one. */
function largestMagnitude(x: usize, size: i32): f64 {
  const lanes = changetype<Single>(0);
  const end = x + <usize>size * lanes.bytes();
  let m0 = i32x4.splat(0);
  let m1 = m0;
  let m2 = m0;
  let m3 = m0;
  const groupsEnd = end - ((end - x) % (STEP * 4));
  while (x < groupsEnd) {
    m0 = lanes.farther(m0, v128.load(x));
    m1 = lanes.farther(m1, v128.load(x, 16));
    m2 = lanes.farther(m2, v128.load(x, 32));
    m3 = lanes.farther(m3, v128.load(x, 48));
    x += STEP * 4;
  }
  while (x < end) {
    m0 = lanes.farther(m0, lanes.loadSplat(x));
    x += lanes.bytes();
  }
  return lanes.farthest(i32x4.max_s(i32x4.max_s(m0, m1), i32x4.max_s(m2, m3)));
}

/** The integers of one row. */
function integersOf(x: usize, values: usize, size: i32, scale: f64, largest: f64): void {
  const factor = 1 / scale;
  // The last is false for NaN.
  const fits = factor >= SMALLEST_FACTOR && factor <= LARGEST_FACTOR && largest <= Infinity;
  if (!fits || size < GROUP) {
    divide(x, values, size, scale);
    return;
  }
  const factors = f32x4.splat(<f32>factor);
  const isWithin = largest * factor < MOST + 0.25;
  for (let from = 0; from < size; from += PIECE) {
    // A piece has a group at least: the last one may take elements before it again.
    const start = min(from, size - GROUP);
    const count = min(PIECE, size - start);
    const xStart = x + ((<usize>start) << 2);
    const isSure = isWithin
      ? multiply<Within>(xStart, values + start, count, factors)
      : multiply<Beyond>(xStart, values + start, count, factors);
    if (!isSure) divide(xStart, values + start, count, scale);
  }
}

/** Integers by products with 1 / scale. Returns false if one of them may be wrong. Takes a group at least. */
function multiply<R>(x: usize, values: usize, size: i32, factors: v128): bool {
  const units = changetype<Units>(0);
  const range = changetype<R>(0);
  const last = values + (size - GROUP);
  let nearest = i32x4.splat(UNITS);
  while (true) {
    const v0 = units.of(range.limited(f32x4.mul(v128.load(x), factors)));
    const v1 = units.of(range.limited(f32x4.mul(v128.load(x, 16), factors)));
    const v2 = units.of(range.limited(f32x4.mul(v128.load(x, 32), factors)));
    const v3 = units.of(range.limited(f32x4.mul(v128.load(x, 48), factors)));
    nearest = i32x4.min_s(nearest, i32x4.min_s(units.rest(v0), units.rest(v1)));
    nearest = i32x4.min_s(nearest, i32x4.min_s(units.rest(v2), units.rest(v3)));
    const low = i16x8.narrow_i32x4_s(units.integers(v0), units.integers(v1));
    const high = i16x8.narrow_i32x4_s(units.integers(v2), units.integers(v3));
    v128.store(values, i8x16.narrow_i16x8_s(low, high));
    if (values == last) break;
    // The last group may take elements before it again, which are written as they were.
    const step = min(last - values, <usize>GROUP);
    values += step;
    x += step << 2;
  }
  return i32x4.all_true(i32x4.gt_s(nearest, i32x4.splat(2 * OFF)));
}

/** Quotients that are not beyond -127 and 127. */
@unmanaged
@final
class Within {
  @inline limited(q: v128): v128 {
    return q;
  }
}

/** Quotients of which some are beyond: they are -127 and 127. */
@unmanaged
@final
class Beyond {
  @inline limited(q: v128): v128 {
    return f32x4.pmin(f32x4.pmax(q, f32x4.splat(-(<f32>MOST))), f32x4.splat(<f32>MOST));
  }
}

/** Four quotients in units of 2^-15. Half a whole is added, so that rounding is cutting off, and OFF. */
@unmanaged
@final
class Units {
  @inline of(q: v128): v128 {
    return i32x4.sub(f32x4.add(q, f32x4.splat(BASE)), i32x4.splat(BASE_BITS - UNITS / 2 - OFF));
  }
  /** The units below a whole: 2 OFF at most, if the quotient is that near to the middle of two integers. */
  @inline rest(units: v128): v128 {
    return v128.and(units, i32x4.splat(UNITS - 1));
  }
  @inline integers(units: v128): v128 {
    return i32x4.shr_s(units, UNIT_BITS);
  }
}

/** Integers by division in f64, one at a time: what all other ways must agree with. */
function divide(x: usize, values: usize, size: i32, scale: f64): void {
  for (let i = 0; i < size; i++) {
    // The conversion to i32 saturates, and makes NaN 0.
    const rounded = <i32>nearest(<f64>load<f32>(x + ((<usize>i) << 2)) / scale);
    store<i8>(values + i, <i8>max(min(rounded, MOST), -MOST));
  }
}

/** Writes rows as bits: 1 where x > 0, the first element in the most significant bit, each row in whole bytes. */
export function signs(x: usize, out: usize, rows: i32, size: i32): void {
  for (let row = 0; row < rows; row++) {
    signsOf(x, out, size);
    x += <usize>size * sizeof<f32>();
    out += (size + 7) >> 3;
  }
}

/** The bits of one row. */
function signsOf(x: usize, out: usize, size: i32): void {
  const positive = changetype<Positive>(0);
  for (; size >= GROUP; size -= GROUP) {
    const low = i16x8.narrow_i32x4_s(positive.at(x), positive.at(x + STEP));
    const high = i16x8.narrow_i32x4_s(positive.at(x + 2 * STEP), positive.at(x + 3 * STEP));
    const all = i8x16.narrow_i16x8_s(low, high);
    // The first element is the lowest bit of a mask, so each byte of it is taken in reverse.
    const reversed = i8x16.shuffle(all, all, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
    store<u16>(out, <u16>i8x16.bitmask(reversed));
    x += GROUP << 2;
    out += GROUP >> 3;
  }
  while (size > 0) {
    const count = min(size, 8);
    let byte = 0;
    for (let i = 0; i < count; i++) {
      if (load<f32>(x + ((<usize>i) << 2)) > 0) byte |= 128 >> i;
    }
    store<u8>(out, <u8>byte);
    x += 32;
    out += 1;
    size -= 8;
  }
}

/** Which of four elements are more than 0. NaN is not. */
@unmanaged
@final
class Positive {
  @inline at(x: usize): v128 {
    return f32x4.gt(v128.load(x), f32x4.splat(0));
  }
}
