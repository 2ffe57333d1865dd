/** The terms that row reductions sum. Each is a marker class with the methods of Dz in gradients.ts. */

/** The element t itself. */
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

/** The magnitude |t|. */
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
