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

/** 16-bit elements of the format C, which widens four of them and narrows eight f32. */
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
  /** Sign-extended halves to f32. No subnormal enters a product, for which some processors take a hundred times as long. */
  @inline widen(halves: v128): v128 {
    // The exponent 224 too large: infinity and NaN get one of ones, which the product leaves, as it puts the others right.
    const magnitude = v128.or(v128.and(i32x4.shl(halves, 13), i32x4.splat(0x0fffe000)), i32x4.splat(0x70000000));
    const a = f32x4.mul(magnitude, f32x4.splat(1.925929944387236e-34)); // 2^-112
    // A subnormal m 2^-24 comes out as 2^-15 + m 2^-25: what that lacks to 2^-14 is too much in it. Others lack nothing.
    const excess = f32x4.pmax(f32x4.splat(0), f32x4.sub(f32x4.splat(6.103515625e-5), a)); // 2^-14
    return v128.or(f32x4.sub(a, excess), v128.and(halves, i32x4.splat(<i32>0x80000000)));
  }
  /** The magnitudes of f32 as halves, in 32 bits each; NaN as infinity. */
  @inline magnitude(v: v128): v128 {
    // What is 2^16 or more is infinite: so is what lies between, after rounding. As integers, NaN is more too.
    const a = i32x4.min_s(v128.and(v, i32x4.splat(0x7fffffff)), i32x4.splat(0x47800000));
    // Added to a power of two 13 above its own exponent, a loses all but 11 bits, rounded as f32 rounds. The least
    // exponent is that of the smallest normal half: what lies below loses as many bits as a subnormal has fewer.
    const exponent = i32x4.max_s(v128.and(a, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000)); // 2^-14
    const power = i32x4.add(exponent, i32x4.splat(0x06800000)); // 13 << 23
    const rounded = i32x4.sub(f32x4.add(a, power), power);
    return i32x4.add(rounded, i32x4.sub(i32x4.shr_u(exponent, 13), i32x4.splat(0x1c400))); // 113 << 10
  }
  /** Eight f32 as halves. */
  @inline narrow(v: v128, w: v128): v128 {
    const signs = v128.and(i16x8.narrow_i32x4_s(i32x4.shr_s(v, 16), i32x4.shr_s(w, 16)), i16x8.splat(<i16>0x8000));
    const quiet = v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x200));
    return v128.or(v128.or(i16x8.narrow_i32x4_s(this.magnitude(v), this.magnitude(w)), signs), quiet);
  }
}

/** bfloat16: the upper half of an f32. */
@unmanaged
@final
class Brain16 {
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
  /** Eight f32 as bfloat16. */
  @inline narrow(v: v128, w: v128): v128 {
    const quiet = v128.and(changetype<F32>(0).areNaN(v, w), i16x8.splat(0x7fc0));
    return v128.or(i16x8.narrow_i32x4_s(this.round(v), this.round(w)), quiet);
  }
}

export type F16 = Half<Binary16>;
export type BF16 = Half<Brain16>;
