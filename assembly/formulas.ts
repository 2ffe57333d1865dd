/**
 * The formulas, each written once, as marker classes that the loops of passes.ts take as type arguments.
 *
 *   t = x - mean         the centred element
 *   y = r t              the normalised element; r = 1 / sigma
 *   z                    what forward returns
 *   u = dL/dz            what backward is given
 *   h = r dL/dy          what backward's formula is made of
 *
 * `of(t, p, q, a, b, c, d)` takes the centred element, two more elements p and q of the same column (which ones, each
 * class says, and whether it uses them), and up to four scalars of the row.
 */

// ---------------------------------------------------------------------------------------------------- centring: x to t

/** t = x, for sums about the origin. */
@unmanaged
@final
export class Origin {
  @inline isRare(): bool {
    return false;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return x;
  }
}

/** t = x - mean, the mean in one number of the lanes' precision. Sums about it are second passes, which few rows need. */
@unmanaged
@final
export class Whole {
  @inline isRare(): bool {
    return true;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return changetype<L>(0).sub(x, high);
  }
}

/** t = (x - high) - low: a mean that is far off in units of sigma has more digits than one f32 holds. */
@unmanaged
@final
export class Split {
  @inline isRare(): bool {
    return false;
  }
  @inline of<L>(x: v128, high: v128, low: v128): v128 {
    return changetype<L>(0).sub(changetype<L>(0).sub(x, high), low);
  }
}

// ------------------------------------------------------------------ forward: t to z; p is the gain and q the bias

/** z = r t; a = r */
@unmanaged
@final
export class Plain {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(t, a);
  }
}

/** z = gain r t; a = r */
@unmanaged
@final
export class Gain {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).mul(t, a), p);
  }
}

/** z = r t + bias; a = r */
@unmanaged
@final
export class Bias {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return true;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).madd(t, a, q);
  }
}

/** z = gain r t + bias; a = r */
@unmanaged
@final
export class GainBias {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return true;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).madd(changetype<L>(0).mul(t, a), p, q);
  }
}

/** z = C (1 - k y) y = (a - b t) t; a = C r, b = C k r^2: one operation fewer than by way of y. */
@unmanaged
@final
export class Ada {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(b, t, a), t);
  }
}

// ------------------------------------------------------------------- backward: u and t to h; p is u and q the gain

/** h = r u; a = r */
@unmanaged
@final
export class PlainGradient {
  @inline usesT(): bool {
    return false;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(p, a);
  }
}

/** h = r gain u; a = r */
@unmanaged
@final
export class GainGradient {
  @inline usesT(): bool {
    return false;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return true;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).mul(p, q), a);
  }
}

/** h = r C (1 - k y) u = (a - b t) u; a = C r, b = C k r^2, or twice that where phi is differentiated too. */
@unmanaged
@final
export class AdaGradient {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(b, t, a), p);
  }
}

/**
 * dx = r (e - mean(e) - s y) = h - c - d t, for a gradient G that gives h; c = mean(h) and d = r^2 s.
 * Rounding c and d once saves two operations an element.
 */
@unmanaged
@final
export class Input<G> {
  @inline usesT(): bool {
    return true;
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return changetype<G>(0).usesQ();
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    const h = changetype<G>(0).of<L>(t, p, q, a, b, c, d);
    return changetype<L>(0).nmadd(d, t, changetype<L>(0).sub(h, c));
  }
}

// --------------------------------------------------------------------------------------- what reductions are made of

/** The element itself. */
@unmanaged
@final
export class Value {
  @inline usesP(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return t;
  }
}

/** Its magnitude. */
@unmanaged
@final
export class Magnitude {
  @inline usesP(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<L>(0).abs(t);
  }
}
