/**
 * Storages: the formats of elements in memory. A storage loads vectors of f32 for the lanes, and stores them rounded to the
 * nearest element, ties to even. WebAssembly has no instructions for 16-bit formats, so these use integer arithmetic.
 */

/** IEEE 754 binary32, which needs no conversion. */
@unmanaged
@final
export class F32 {
  @inline bytes(): usize {
    return 4;
  }
  @inline load4(p: usize): v128 {
    return v128.load(p);
  }
  /** Loads two elements into the lower half of the vector. The upper half is not defined. */
  @inline load2(p: usize): v128 {
    return v128.load64_zero(p);
  }
  @inline load1(p: usize): v128 {
    return v128.load32_zero(p);
  }
  @inline loadSplat(p: usize): v128 {
    return v128.load32_splat(p);
  }
  @inline store4(p: usize, v: v128): void {
    v128.store(p, v);
  }
  @inline store2(p: usize, v: v128): void {
    v128.store64_lane(p, v, 0);
  }
  @inline store1(p: usize, v: v128): void {
    v128.store32_lane(p, v, 0);
  }
  /** Stores two contiguous vectors. */
  @inline store8(p: usize, v: v128, w: v128): void {
    v128.store(p, v);
    v128.store(p, w, 16);
  }
  /** Eight 16-bit lanes, with all bits set for each element that is NaN. */
  @inline areNaN(v: v128, w: v128): v128 {
    return i16x8.narrow_i32x4_s(f32x4.ne(v, v), f32x4.ne(w, w));
  }
}

/**
 * A storage of 16-bit elements, "halves", in the format C, which converts them. It converts vectors of any elements, and
 * has shorter ways to convert eight elements that exclude rare ones.
 */
@unmanaged
@final
export class Half<C> {
  @inline bytes(): usize {
    return 2;
  }
  @inline load4(p: usize): v128 {
    return changetype<C>(0).widen(v128.load16x4_s(p));
  }
  @inline load2(p: usize): v128 {
    return changetype<C>(0).widen(i32x4.extend_low_i16x8_s(v128.load32_zero(p)));
  }
  @inline load1(p: usize): v128 {
    return changetype<C>(0).widen(i32x4.splat(<i32>load<i16>(p)));
  }
  @inline loadSplat(p: usize): v128 {
    return this.load1(p);
  }
  @inline store8(p: usize, v: v128, w: v128): void {
    v128.store(p, changetype<C>(0).narrow(v, w));
  }
  /** The same for vectors without NaN. A NaN would become a number or an infinity. */
  @inline store8Numbers(p: usize, v: v128, w: v128): void {
    v128.store(p, changetype<C>(0).narrowNumbers(v, w));
  }
  /** Whether these two vectors of eight elements hold one that `widen8` must not get. */
  @inline areRare(first: v128, second: v128): bool {
    return changetype<C>(0).areRare(first, second);
  }
  /** Stores eight elements as f32 at p. */
  @inline widen8(p: usize, elements: v128): void {
    changetype<C>(0).widen8(p, elements);
  }
  @inline store4(p: usize, v: v128): void {
    v128.store64_lane(p, changetype<C>(0).narrow(v, v), 0);
  }
  @inline store2(p: usize, v: v128): void {
    v128.store32_lane(p, changetype<C>(0).narrow(v, v), 0);
  }
  @inline store1(p: usize, v: v128): void {
    v128.store16_lane(p, changetype<C>(0).narrow(v, v), 0);
  }
}

/** IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
@unmanaged
@final
class Binary16 {
  /**
   * Whether two vectors of eight halves hold a subnormal. `widen8` would multiply it exactly, but some processors take a
   * hundred times as long for that.
   */
  @inline areRare(first: v128, second: v128): bool {
    const least = i16x8.min_s(this.order(first), this.order(second));
    return v128.any_true(i16x8.lt_s(least, i16x8.splat(-0x7c01))); // 0x400 + 0x7fff
  }
  /** Maps magnitudes to signed integers, in an order in which subnormals come first and 0 comes last. */
  @inline order(halves: v128): v128 {
    return i16x8.add(v128.and(halves, i16x8.splat(0x7fff)), i16x8.splat(0x7fff));
  }
  /** Stores eight halves as f32: shifts their bits into place and adds 112 to the exponent by a product, which keeps 0. */
  @inline widen8(p: usize, halves: v128): void {
    // Infinity and NaN get an exponent of all ones, which the product does not change.
    const special = i16x8.gt_s(v128.and(halves, i16x8.splat(0x7fff)), i16x8.splat(0x7bff));
    const upper = v128.or(
      v128.and(i16x8.shr_s(halves, 3), i16x8.splat(<i16>0x8fff)),
      v128.and(special, i16x8.splat(0x7000)),
    );
    const lower = i16x8.shl(halves, 13);
    const scale = f32x4.splat(5.192296858534828e33); // 2^112
    v128.store(p, f32x4.mul(i16x8.shuffle(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scale));
    v128.store(p, f32x4.mul(i16x8.shuffle(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scale), 16);
  }
  /** Converts sign-extended halves to f32, by a product that meets no subnormals. */
  @inline widen(halves: v128): v128 {
    // Adds 224 to the exponent, so that infinity and NaN have all ones. The product subtracts 112, except from those.
    const magnitude = v128.or(v128.and(i32x4.shl(halves, 13), i32x4.splat(0x0fffe000)), i32x4.splat(0x70000000));
    const a = f32x4.mul(magnitude, f32x4.splat(1.925929944387236e-34)); // 2^-112
    // A subnormal m 2^-24 has become a = 2^-15 + m 2^-25. It is a - (2^-14 - a). In all others a is 2^-14 or more.
    const excess = f32x4.pmax(f32x4.splat(0), f32x4.sub(f32x4.splat(6.103515625e-5), a)); // 2^-14
    return v128.or(f32x4.sub(a, excess), v128.and(halves, i32x4.splat(<i32>0x80000000)));
  }
  /**
   * Converts the magnitudes of f32 to halves, in 32 bits each. Those too large for a half give a number outside 0 to
   * 0x7c00.
   */
  @inline magnitude(v: v128): v128 {
    const a = v128.and(v, i32x4.splat(0x7fffffff));
    // How much a's exponent exceeds 113, that of the smallest normal half, or 0. Only 16-bit lanes have a subtraction that
    // stops at 0. The lower 16 bits hold no exponent bits, and the mask clears them.
    const exponent = v128.and(i16x8.sub_sat_u(a, i32x4.splat(0x38800000)), i32x4.splat(0x7f800000)); // 113 << 23
    // The power of two has an exponent 13 above that of a, so their f32 sum keeps 11 bits of a, correctly rounded. For
    // subnormals the power stays the same, so they keep fewer bits, as many as a subnormal half has.
    const power = i32x4.add(exponent, i32x4.splat(0x3f000000)); // (113 + 13) << 23
    return i32x4.add(i32x4.sub(f32x4.add(a, power), power), i32x4.shr_u(exponent, 13));
  }
  /** Converts eight f32 to halves. NaN becomes infinity. */
  @inline narrowNumbers(v: v128, w: v128): v128 {
    // The narrowing saturates: as unsigned 16-bit numbers, magnitudes too large for a half are above 0x7c00, infinity.
    const magnitudes = i16x8.min_u(i16x8.narrow_i32x4_s(this.magnitude(v), this.magnitude(w)), i16x8.splat(0x7c00));
    const signs = v128.and(i16x8.narrow_i32x4_s(v, w), i16x8.splat(<i16>0x8000));
    return v128.or(magnitudes, signs);
  }
  /** Converts eight f32 to halves. */
  @inline narrow(v: v128, w: v128): v128 {
    return v128.or(this.narrowNumbers(v, w), v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x200)));
  }
}

/** bfloat16: the upper half of an f32. */
@unmanaged
@final
class Brain16 {
  @inline areRare(first: v128, second: v128): bool {
    return false;
  }
  /** Stores eight halves as f32. */
  @inline widen8(p: usize, halves: v128): void {
    const none = i16x8.splat(0);
    v128.store(p, i16x8.shuffle(none, halves, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(p, i16x8.shuffle(none, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
  /** Converts sign-extended halves to f32. */
  @inline widen(halves: v128): v128 {
    return i32x4.shl(halves, 16);
  }
  /** Rounds four f32 to bfloat16, sign-extended to 32 bits. NaN becomes any value. */
  @inline round(v: v128): v128 {
    // Adds half a unit of the last place, minus one bit if the upper half is even, so that ties go to even.
    const odd = v128.and(i32x4.shr_u(v, 16), i32x4.splat(1));
    return i32x4.shr_s(i32x4.add(i32x4.add(v, i32x4.splat(0x7fff)), odd), 16);
  }
  /** Converts eight f32 to bfloat16. NaN becomes any value. */
  @inline narrowNumbers(v: v128, w: v128): v128 {
    return i16x8.narrow_i32x4_s(this.round(v), this.round(w));
  }
  /** Converts eight f32 to bfloat16. */
  @inline narrow(v: v128, w: v128): v128 {
    return v128.or(this.narrowNumbers(v, w), v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x7fc0)));
  }
}

export type F16 = Half<Binary16>;
export type BF16 = Half<Brain16>;
