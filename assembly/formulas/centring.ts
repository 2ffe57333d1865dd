/** The ways to compute t = x - mean. Each is a marker class, which the loops over a row take as a type argument. */

/** t = x: for sums about the origin, and for gradients of rows near it, where the scalars make up for the mean. */
@unmanaged
@final
export class Origin {
  @inline isCentred(): bool {
    return false;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return x;
  }
}

/** t = x - mean, with the mean as one number in the precision of the lanes. */
@unmanaged
@final
export class Whole {
  @inline isCentred(): bool {
    return true;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return changetype<L>(0).sub(x, high);
  }
}

/** t = (x - high) - low, for a mean that is far from 0 in units of sigma: it needs more digits than one f32 holds. */
@unmanaged
@final
export class Split {
  @inline isCentred(): bool {
    return true;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return changetype<L>(0).sub(changetype<L>(0).sub(x, high), low);
  }
}
