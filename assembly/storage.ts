/**
 * How elements lie in memory. A storage hands vectors of f32 to the lanes and takes them back, rounded to the nearest
 * element, ties to even. 16-bit storages do it by integer arithmetic, as WebAssembly has no instruction for it.
 */

/** IEEE 754 binary32, the element itself. */
@unmanaged
@final
export class F32 {
  @inline bytes(): usize {
    return 4;
  }
  @inline load4(p: usize): v128 {
    return v128.load(p);
  }
  /** Two elements in the low half; what lies in the high half is not defined. */
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
  /** Two vectors, one behind the other. */
  @inline store8(p: usize, v: v128, w: v128): void {
    v128.store(p, v);
    v128.store(p, w, 16);
  }
  /** Ones in each of eight 16-bit lanes where the element is NaN. */
  @inline areNaN(v: v128, w: v128): v128 {
    return i16x8.narrow_i32x4_s(f32x4.ne(v, v), f32x4.ne(w, w));
  }
}

/**
 * 16-bit elements of the format C, which widens and narrows them: any of them, one vector at a time, or eight at a time
 * those that take fewer operations.
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
  /** The same where neither has a NaN; one becomes a number or an infinity. */
  @inline store8Numbers(p: usize, v: v128, w: v128): void {
    v128.store(p, changetype<C>(0).narrowNumbers(v, w));
  }
  /** Whether `widen8` is not to be given one of two times eight elements. */
  @inline areRare(g: v128, h: v128): bool {
    return changetype<C>(0).areRare(g, h);
  }
  /** Eight elements, as f32 at p. */
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
   * Whether there are subnormals among two times eight halves. A product with one is exact, but some processors take a
   * hundred times as long for it.
   */
  @inline areRare(g: v128, h: v128): bool {
    return v128.any_true(i16x8.lt_s(i16x8.min_s(this.order(g), this.order(h)), i16x8.splat(-0x7c01))); // 0x400 + 0x7fff
  }
  /** Magnitudes as signed integers, the subnormals the least of all and 0 the largest. */
  @inline order(halves: v128): v128 {
    return i16x8.add(v128.and(halves, i16x8.splat(0x7fff)), i16x8.splat(0x7fff));
  }
  /** Eight halves to f32: the bits where they belong, and 112 more in the exponent by a product, which leaves 0 as it is. */
  @inline widen8(p: usize, halves: v128): void {
    // Infinity and NaN get an exponent of ones, which the product leaves.
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
  /** Sign-extended halves to f32, where no subnormal enters a product. */
  @inline widen(halves: v128): v128 {
    // The exponent 224 too large: infinity and NaN get one of ones, which the product leaves, as it puts the others right.
    const magnitude = v128.or(v128.and(i32x4.shl(halves, 13), i32x4.splat(0x0fffe000)), i32x4.splat(0x70000000));
    const a = f32x4.mul(magnitude, f32x4.splat(1.925929944387236e-34)); // 2^-112
    // A subnormal m 2^-24 comes out as 2^-15 + m 2^-25: what that lacks to 2^-14 is too much in it. Others lack nothing.
    const excess = f32x4.pmax(f32x4.splat(0), f32x4.sub(f32x4.splat(6.103515625e-5), a)); // 2^-14
    return v128.or(f32x4.sub(a, excess), v128.and(halves, i32x4.splat(<i32>0x80000000)));
  }
  /** The magnitudes of f32 as halves, in 32 bits each. What is infinite or more lies outside of 0 to 0x7c00. */
  @inline magnitude(v: v128): v128 {
    const a = v128.and(v, i32x4.splat(0x7fffffff));
    // How far a's exponent is above that of the smallest normal half, 113; 0 below it. In 16 bits there is a difference
    // that stops at 0; the lower ones are not of the exponent.
    const exponent = v128.and(i16x8.sub_sat_u(a, i32x4.splat(0x38800000)), i32x4.splat(0x7f800000)); // 113 << 23
    // Added to a power of two 13 above that exponent, a loses all but 11 bits, rounded as f32 rounds. The exponents of
    // subnormals stop, so that they lose as many bits more as they have fewer.
    const power = i32x4.add(exponent, i32x4.splat(0x3f000000)); // (113 + 13) << 23
    return i32x4.add(i32x4.sub(f32x4.add(a, power), power), i32x4.shr_u(exponent, 13));
  }
  /** Eight f32 as halves; NaN as infinity. */
  @inline narrowNumbers(v: v128, w: v128): v128 {
    // Saturated to 16 bits, what is infinite or more is above 0x7c00, taken as unsigned.
    const magnitudes = i16x8.min_u(i16x8.narrow_i32x4_s(this.magnitude(v), this.magnitude(w)), i16x8.splat(0x7c00));
    const signs = v128.and(i16x8.narrow_i32x4_s(v, w), i16x8.splat(<i16>0x8000));
    return v128.or(magnitudes, signs);
  }
  /** Eight f32 as halves. */
  @inline narrow(v: v128, w: v128): v128 {
    return v128.or(this.narrowNumbers(v, w), v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x200)));
  }
}

/** bfloat16: the upper half of an f32. */
@unmanaged
@final
class Brain16 {
  @inline areRare(g: v128, h: v128): bool {
    return false;
  }
  /** Eight halves to f32. */
  @inline widen8(p: usize, halves: v128): void {
    const none = i16x8.splat(0);
    v128.store(p, i16x8.shuffle(none, halves, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(p, i16x8.shuffle(none, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
  /** Sign-extended halves to f32. */
  @inline widen(halves: v128): v128 {
    return i32x4.shl(halves, 16);
  }
  /** Four f32 as bfloat16, sign-extended to 32 bits; NaN as anything. */
  @inline round(v: v128): v128 {
    // Half of the last place, less one where the upper half is even: ties go to even.
    const odd = v128.and(i32x4.shr_u(v, 16), i32x4.splat(1));
    return i32x4.shr_s(i32x4.add(i32x4.add(v, i32x4.splat(0x7fff)), odd), 16);
  }
  /** Eight f32 as bfloat16; NaN as anything. */
  @inline narrowNumbers(v: v128, w: v128): v128 {
    return i16x8.narrow_i32x4_s(this.round(v), this.round(w));
  }
  /** Eight f32 as bfloat16. */
  @inline narrow(v: v128, w: v128): v128 {
    return v128.or(this.narrowNumbers(v, w), v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x7fc0)));
  }
}

export type F16 = Half<Binary16>;
export type BF16 = Half<Brain16>;
