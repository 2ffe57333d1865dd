/**
 * The formulas, each written once, as marker classes that the loops of sums.ts and maps.ts take as type arguments.
 *
 *   t = x - mean         the centred element
 *   y = r t              the normalised element; r = 1 / sigma
 *   z                    what forward returns
 *   u = dL/dz            what backward is given
 *   e = dL/dy, h = r e   what backward's formula is made of
 *
 * `of(t, p, q, a, b, c, d)` takes the centred element, two more elements p and q of the same column (which ones, each
 * class says, and whether it uses them), and up to four scalars of the row.
 */

// ---------------------------------------------------------------------------------------------------- centring: x to t

/** t = x, for sums about the origin. */
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

/** t = x - mean, the mean in one number of the lanes' precision. */
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

/** t = (x - high) - low: a mean that is far off in units of sigma has more digits than one f32 holds. */
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

// ---------------------------------------------------- backward: u and t to e or h = r e; p is u and q the gain

/** e = u; h = r u, a = r */
@unmanaged
@final
export class PlainGradient {
  @inline usesT(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline e<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return p;
  }
  @inline h<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return changetype<L>(0).mul(p, a);
  }
}

/** e = gain u; h = r gain u, a = r */
@unmanaged
@final
export class GainGradient {
  @inline usesT(): bool {
    return false;
  }
  @inline usesQ(): bool {
    return true;
  }
  @inline e<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return changetype<L>(0).mul(p, q);
  }
  @inline h<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).mul(p, a), q);
  }
}

/**
 * e = C (1 - k y) u = (a - b t) u; a = C, b = C k r, with twice k where phi is differentiated too. h: the same for r times
 * these a and b.
 */
@unmanaged
@final
export class AdaGradient {
  @inline usesT(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return false;
  }
  @inline e<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(b, t, a), p);
  }
  @inline h<L>(t: v128, p: v128, q: v128, a: v128, b: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(b, t, a), p);
  }
}

/** e of a gradient G, to be summed. */
@unmanaged
@final
export class Upstream<G> {
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return changetype<G>(0).usesQ();
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<G>(0).e<L>(t, p, q, a, b);
  }
}

/** dx = h where both statistics are detached. */
@unmanaged
@final
export class Scaled<G> {
  @inline usesT(): bool {
    return changetype<G>(0).usesT();
  }
  @inline usesP(): bool {
    return true;
  }
  @inline usesQ(): bool {
    return changetype<G>(0).usesQ();
  }
  @inline of<L>(t: v128, p: v128, q: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return changetype<G>(0).h<L>(t, p, q, a, b);
  }
}

/**
 * dx = r (e - mean(e) - s y) = h - c - d t; c = r mean(e) and d = r^2 s. Rounding c and d once saves two operations an
 * element.
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
    const h = changetype<G>(0).h<L>(t, p, q, a, b);
    return changetype<L>(0).nmadd(d, t, changetype<L>(0).sub(h, c));
  }
}

// --------------------------------------------------------------------------------------- what reductions are made of

/** The element itself. */
@unmanaged
@final
export class Value {
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

/** z = t + p */
@unmanaged
@final
export class Sum {
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
    return changetype<L>(0).add(t, p);
  }
}
