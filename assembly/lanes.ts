import { F32 } from "./storage";

/**
 * Arithmetic on a vector of elements, in single or in double precision. The loops take the precision as a type argument and
 * are compiled for both: Single is the fast path, Double serves the rows that single precision cannot hold.
 *
 * These are marker classes. They have no instances: `changetype<L>(0).add(a, b)` compiles to the instruction.
 */

/** Four elements at a time, as f32. I is the storage that they are loaded from, O the one that they are stored to. */
@unmanaged
@final
export class Floats<I, O> {
  @inline width(): i32 {
    return 4;
  }
  /** Bytes of one element in the storage that is loaded from. */
  @inline bytes(): usize {
    return changetype<I>(0).bytes();
  }
  /** Bytes of one element in the storage that is stored to. */
  @inline outBytes(): usize {
    return changetype<O>(0).bytes();
  }
  @inline load(p: usize): v128 {
    return changetype<I>(0).load4(p);
  }
  /** The element at p, in every lane. */
  @inline loadSplat(p: usize): v128 {
    return changetype<I>(0).loadSplat(p);
  }
  @inline store(p: usize, v: v128): void {
    changetype<O>(0).store4(p, v);
  }
  /** Stores two contiguous vectors. 16-bit storages need half the operations for a pair that they need for two vectors. */
  @inline storePair(p: usize, v: v128, w: v128): void {
    changetype<O>(0).store8(p, v, w);
  }
  /**
   * Loads the first `n` lanes (1 to 3) and clears the others. Reads no memory after them. Only for tails, so not inlined.
   */
  loadPart(p: usize, n: i32): v128 {
    return n == 1
      ? changetype<I>(0).load1(p)
      : n == 2
        ? changetype<I>(0).load2(p)
        : f32x4.shuffle(
            changetype<I>(0).load2(p),
            changetype<I>(0).load1(p + 2 * changetype<I>(0).bytes()),
            0,
            1,
            4,
            5,
          );
  }
  /** Stores the first `n` lanes (1 to 3). Writes no memory after them. */
  storePart(p: usize, v: v128, n: i32): void {
    if (n == 1) {
      changetype<O>(0).store1(p, v);
    } else {
      changetype<O>(0).store2(p, v);
      if (n == 3) {
        changetype<O>(0).store1(p + 2 * changetype<O>(0).bytes(), f32x4.shuffle(v, v, 2, 3, 2, 3));
      }
    }
  }
  /** Keeps the first `n` lanes and clears the others. */
  @inline keep(v: v128, n: i32): v128 {
    return v128.and(v, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n)));
  }
  @inline splat(a: f64): v128 {
    return f32x4.splat(<f32>a);
  }
  @inline add(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
  @inline sub(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
  @inline mul(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
  /** a * b + c */
  @inline madd(a: v128, b: v128, c: v128): v128 {
    return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
  }
  /** c - a * b */
  @inline nmadd(a: v128, b: v128, c: v128): v128 {
    return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_nmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
  }
  @inline abs(a: v128): v128 {
    return f32x4.abs(a);
  }
  /**
   * The larger of m and |a|, m being the like. As integers, which numbers without a sign are ordered as: products and maxima
   * of f32 would wait for the pipes that the sums beside them use. A NaN stays.
   */
  @inline farther(m: v128, a: v128): v128 {
    return i32x4.max_s(m, this.magnitude(a));
  }
  /** |a|, in one operation. */
  @inline magnitude(a: v128): v128 {
    return v128.and(a, i32x4.splat(0x7fffffff));
  }
  /** The larger of two magnitudes, as `farther`. */
  @inline fartherOf(m: v128, n: v128): v128 {
    return i32x4.max_s(m, n);
  }
  /** The largest lane of what `farther` has found. Without a branch: which lane that is, no processor can foresee. */
  @inline farthest(m: v128): f64 {
    m = i32x4.max_s(m, i32x4.shuffle(m, m, 2, 3, 2, 3));
    m = i32x4.max_s(m, i32x4.shuffle(m, m, 1, 1, 1, 1));
    return <f64>f32x4.extract_lane(m, 0);
  }
  /** The largest lane. */
  @inline largest(a: v128): f64 {
    const pairs = f32x4.max(a, f32x4.shuffle(a, a, 2, 3, 2, 3));
    return <f64>max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
  }
  /** Whether a sum must be in double precision throughout, with its rounding errors added up and corrected at the end. */
  @inline isExact(): bool {
    return false;
  }
  /** Two f64 with the same sum as the lanes. */
  @inline widen(a: v128): v128 {
    return f64x2.add(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(f32x4.shuffle(a, a, 2, 3, 2, 3)));
  }
  /** Adds the lanes to as many f64 in memory. */
  @inline accumulate(sums: usize, a: v128): void {
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.promote_low_f32x4(a)));
    const high = f64x2.promote_low_f32x4(f32x4.shuffle(a, a, 2, 3, 2, 3));
    v128.store(sums, f64x2.add(v128.load(sums, 16), high), 16);
  }
}

/** Four elements at a time, in single precision. */
export type Single = Floats<F32, F32>;

/** Two elements at a time, in double precision: f64 that are f32 in memory. The methods are those of Floats. */
@unmanaged
@final
export class Double {
  @inline width(): i32 {
    return 2;
  }
  @inline bytes(): usize {
    return sizeof<f32>();
  }
  @inline outBytes(): usize {
    return sizeof<f32>();
  }
  @inline load(p: usize): v128 {
    return f64x2.promote_low_f32x4(changetype<F32>(0).load2(p));
  }
  @inline store(p: usize, v: v128): void {
    changetype<F32>(0).store2(p, f32x4.demote_f64x2_zero(v));
  }
  @inline storePair(p: usize, v: v128, w: v128): void {
    this.store(p, v);
    this.store(p + 2 * sizeof<f32>(), w);
  }
  @inline loadPart(p: usize, n: i32): v128 {
    return f64x2.promote_low_f32x4(changetype<F32>(0).load1(p));
  }
  @inline storePart(p: usize, v: v128, n: i32): void {
    changetype<F32>(0).store1(p, f32x4.demote_f64x2_zero(v));
  }
  @inline keep(v: v128, n: i32): v128 {
    return v128.and(v, i64x2(-1, 0));
  }
  @inline splat(a: f64): v128 {
    return f64x2.splat(a);
  }
  @inline add(a: v128, b: v128): v128 {
    return f64x2.add(a, b);
  }
  @inline sub(a: v128, b: v128): v128 {
    return f64x2.sub(a, b);
  }
  @inline mul(a: v128, b: v128): v128 {
    return f64x2.mul(a, b);
  }
  @inline madd(a: v128, b: v128, c: v128): v128 {
    return f64x2.add(f64x2.mul(a, b), c);
  }
  @inline nmadd(a: v128, b: v128, c: v128): v128 {
    return f64x2.sub(c, f64x2.mul(a, b));
  }
  @inline abs(a: v128): v128 {
    return f64x2.abs(a);
  }
  @inline farther(m: v128, a: v128): v128 {
    return f64x2.pmax(m, f64x2.abs(a));
  }
  @inline farthest(a: v128): f64 {
    return max(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1));
  }
  @inline isExact(): bool {
    return true;
  }
  @inline widen(a: v128): v128 {
    return a;
  }
  @inline accumulate(sums: usize, a: v128): void {
    v128.store(sums, f64x2.add(v128.load(sums), a));
  }
}

/** The sum of both lanes of an f64x2. */
export function sumLanes(a: v128): f64 {
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
}

/**
 * Which of two elements is wanted, NaN aside: one instruction on x86, where f32x4.min and f32x4.max, which look for NaN, take
 * eight. Of two zeros they may give either, so the signs are kept beside: what `signs` has found, over all elements, is
 * negative where the extreme is -0 if it is a zero at all.
 */
@unmanaged
@final
export class Smaller {
  @inline of(a: v128, b: v128): v128 {
    return f32x4.pmin(a, b);
  }
  /** No element is negative where a zero is the smallest: one -0 is enough. */
  @inline signs(a: v128, b: v128): v128 {
    return v128.or(a, b);
  }
}

/** As Smaller. */
@unmanaged
@final
export class Larger {
  @inline of(a: v128, b: v128): v128 {
    return f32x4.pmax(a, b);
  }
  /** Where a zero is the largest all elements are negative but one +0, if there is one. */
  @inline signs(a: v128, b: v128): v128 {
    return v128.and(a, b);
  }
}
