/**
 * The formulas of backward. Each is a marker class, which the loops over a row take as a type argument.
 *
 *   t = x - mean, z = rstd t     as in forward.ts
 *   dy = dL/dy                   the upstream gradient: `upstream` here
 *   dz = dL/dz                   dy times the derivative of the norm's formula
 *
 *   dx = rstd (dz - mean(dz) - s z),   s = kappa sum(dz z) / (size - ddof)
 *
 * A detached mean drops mean(dz); a detached std drops s z. Each row has two scalars, for the gradient that reaches x
 * through the mean and through sigma: viaMean = rstd mean(dz) and viaStd = rstd^2 s.
 *
 *   dx = rstd dz - viaMean - viaStd t
 *
 * This form takes two operations less for each element. factor and slope are C rstd and C k rstd^2 in rstdDz; they are C
 * and C k rstd in dz.
 *
 * Near the origin both passes of a row work on h, which is dz but for a factor, and on x itself:
 *
 *   dz = unit h                  h = dy, gain dy or, for adaNorm, (root - x) dy
 *   dx = unit rstd h - (viaMean - viaStd mean) - viaStd x
 *
 * unit is C k rstd for adaNorm, and C if its k is 0; otherwise it is 1. root is the x at which 1 - k z is 0.
 */

import { Call } from "../call";
import { isConstant } from "../precision";

/** y = z: dz = dy. Or y = C z, for adaNorm with a k of 0: dz = C dy, where C is the unit of h. */
@unmanaged
@final
export class PlainGradient {
  @inline usesX(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return false;
  }
  @inline isByChannel(): bool {
    return false;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline dz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return upstream;
  }
  @inline h<L>(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return upstream;
  }
  @inline rstdDz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(upstream, factor);
  }
}

/** y = gain z + bias: dz = gain dy */
@unmanaged
@final
export class GainGradient {
  @inline usesX(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return true;
  }
  @inline isByChannel(): bool {
    return false;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline dz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(upstream, gain);
  }
  @inline h<L>(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return changetype<L>(0).mul(upstream, gain);
  }
  @inline rstdDz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).mul(upstream, factor), gain);
  }
}

/** As GainGradient, with a gain for each channel: then sums over the row are made of those of its channels. */
@unmanaged
@final
export class ChannelGradient {
  @inline usesX(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return true;
  }
  @inline isByChannel(): bool {
    return true;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline dz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<GainGradient>(0).dz<L>(t, upstream, gain, factor, slope);
  }
  @inline h<L>(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return changetype<GainGradient>(0).h<L>(x, upstream, gain, root);
  }
  @inline rstdDz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<GainGradient>(0).rstdDz<L>(t, upstream, gain, factor, slope);
  }
}

/** y = C (1 - k z) z: dz = C (1 - k z) dy = (factor - slope t) dy. If 1 - k z is differentiated too, k counts twice. */
@unmanaged
@final
export class AdaGradient {
  @inline usesX(): bool {
    return true;
  }
  @inline usesGain(): bool {
    return false;
  }
  @inline isByChannel(): bool {
    return false;
  }
  @inline isAda(): bool {
    return true;
  }
  @inline dz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(slope, t, factor), upstream);
  }
  @inline h<L>(x: v128, upstream: v128, gain: v128, root: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).sub(root, x), upstream);
  }
  @inline rstdDz<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return this.dz<L>(t, upstream, gain, factor, slope);
  }
}

/** C and k of a gradient: 1 and 0 for all norms but adaNorm. k is doubled if 1 - k z is differentiated too. */
@unmanaged
@final
export class GradientFactors<G> {
  @inline scale(call: Call): f64 {
    return !changetype<G>(0).usesGain() && call.isAda ? call.scale : 1;
  }
  @inline k(call: Call): f64 {
    if (!changetype<G>(0).isAda()) return 0;
    return call.detachScale ? call.k : 2 * call.k;
  }
  /** factor k rstd, but 0 for a constant row: its t are 0, and an infinite slope would make them NaN. */
  @inline slope(call: Call, rstd: f64, factor: f64): f64 {
    return isConstant(rstd) ? 0 : factor * this.k(call) * rstd;
  }
  @inline unit(call: Call, rstd: f64): f64 {
    return changetype<G>(0).isAda() ? this.scale(call) * (this.k(call) * rstd) : this.scale(call);
  }
  @inline root(call: Call, mean: f64, rstd: f64): f64 {
    return changetype<G>(0).isAda() ? mean + 1 / (this.k(call) * rstd) : 0;
  }
}

/** dz of a gradient as a term, the form that the loops of sums.ts take. */
@unmanaged
@final
export class Dz<G> {
  @inline factor(call: Call): f64 {
    return changetype<GradientFactors<G>>(0).scale(call);
  }
  @inline slope(call: Call, rstd: f64): f64 {
    return changetype<GradientFactors<G>>(0).slope(call, rstd, this.factor(call));
  }
  @inline usesUpstream(): bool {
    return true;
  }
  @inline usesGain(): bool {
    return changetype<G>(0).usesGain();
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, factor: v128, slope: v128): v128 {
    return changetype<G>(0).dz<L>(t, upstream, gain, factor, slope);
  }
}

/** dx = rstd dz as a map, the form that the loops of maps.ts take. For calls that detach both statistics. */
@unmanaged
@final
export class Direct<G> {
  @inline usesX(): bool {
    return changetype<G>(0).usesX();
  }
  @inline usesUpstream(): bool {
    return true;
  }
  @inline usesGain(): bool {
    return changetype<G>(0).usesGain();
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline factor(call: Call, rstd: f64): f64 {
    return changetype<GradientFactors<G>>(0).scale(call) * rstd;
  }
  @inline slope(call: Call, rstd: f64, factor: f64): f64 {
    return changetype<GradientFactors<G>>(0).slope(call, rstd, factor);
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<G>(0).rstdDz<L>(t, upstream, gain, factor, slope);
  }
  @inline less<L>(value: v128, t: v128, viaMean: v128, viaStd: v128): v128 {
    return value;
  }
}

/** dx = rstd dz - viaMean - viaStd t, as a map. */
@unmanaged
@final
export class Input<G> {
  @inline usesX(): bool {
    return true;
  }
  @inline usesUpstream(): bool {
    return true;
  }
  @inline usesGain(): bool {
    return changetype<G>(0).usesGain();
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline factor(call: Call, rstd: f64): f64 {
    return changetype<Direct<G>>(0).factor(call, rstd);
  }
  @inline slope(call: Call, rstd: f64, factor: f64): f64 {
    return changetype<Direct<G>>(0).slope(call, rstd, factor);
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<G>(0).rstdDz<L>(t, upstream, gain, factor, slope);
  }
  @inline less<L>(value: v128, t: v128, viaMean: v128, viaStd: v128): v128 {
    return changetype<L>(0).nmadd(viaStd, t, changetype<L>(0).sub(value, viaMean));
  }
}
