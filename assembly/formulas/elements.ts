/** What row reductions sum: terms as gradients.ts describes them. */

/** The element itself. */
@unmanaged
@final
export class Value {
  @inline usesUpstream(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return false;
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return t;
  }
}

/** Its magnitude. */
@unmanaged
@final
export class Magnitude {
  @inline usesUpstream(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return false;
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).abs(t);
  }
}
