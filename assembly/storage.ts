/** How elements lie in memory. A storage hands vectors of f32 to the lanes and takes them back. */

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
}
