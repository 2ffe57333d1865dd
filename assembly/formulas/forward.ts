/**
 * The formulas of forward. Each is a marker class, which the loops over a row take as a type argument.
 *
 *   t = x - mean     the centred element
 *   z = rstd t       the normalised element, rstd = 1 / sigma
 *   y                what forward returns
 *
 * Each row has two scalars: factor = C rstd and slope = C k rstd^2. C = 1 and k = 0 for all norms but adaNorm.
 */

import { Call } from "../call";
import { forwardFactor } from "../precision";

/** y = z */
@unmanaged
@final
export class Plain {
  @inline usesGain(): bool {
    return false;
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline isCentred(): bool {
    return true;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(t, factor);
  }
}

/** y = gain z */
@unmanaged
@final
export class Gain {
  @inline usesGain(): bool {
    return true;
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline isCentred(): bool {
    return true;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    const z = changetype<L>(0).mul(t, factor);
    return changetype<L>(0).mul(z, gain);
  }
}

/** y = gain z for rmsNorm: loops may take t = x, and need no sum of x. */
@unmanaged
@final
export class GainOfX {
  @inline usesGain(): bool {
    return true;
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline isCentred(): bool {
    return false;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<Gain>(0).y<L>(t, gain, bias, factor, slope);
  }
}

/** y = z + bias */
@unmanaged
@final
export class Bias {
  @inline usesGain(): bool {
    return false;
  }
  @inline usesBias(): bool {
    return true;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline isCentred(): bool {
    return true;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).madd(t, factor, bias);
  }
}

/** y = gain z + bias */
@unmanaged
@final
export class GainBias {
  @inline usesGain(): bool {
    return true;
  }
  @inline usesBias(): bool {
    return true;
  }
  @inline isAda(): bool {
    return false;
  }
  @inline isCentred(): bool {
    return true;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    const z = changetype<L>(0).mul(t, factor);
    return changetype<L>(0).madd(z, gain, bias);
  }
}

/** y = C (1 - k z) z = (factor - slope t) t. The second form takes one operation less, because it needs no z. */
@unmanaged
@final
export class Ada {
  @inline usesGain(): bool {
    return false;
  }
  @inline usesBias(): bool {
    return false;
  }
  @inline isAda(): bool {
    return true;
  }
  @inline isCentred(): bool {
    return true;
  }
  @inline y<L>(t: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<L>(0).mul(changetype<L>(0).nmadd(slope, t, factor), t);
  }
}

/** C and k of a formula: the call's for adaNorm, 1 and 0 for all others. */
@unmanaged
@final
export class Factors<F> {
  @inline scale(call: Call): f64 {
    return changetype<F>(0).isAda() ? call.scale : 1;
  }
  @inline k(call: Call): f64 {
    return changetype<F>(0).isAda() ? call.k : 0;
  }
}

/** A formula of this file as a map, the form that the loops of maps.ts take. */
@unmanaged
@final
export class Forward<F> {
  @inline usesX(): bool {
    return true;
  }
  @inline usesUpstream(): bool {
    return false;
  }
  @inline usesGain(): bool {
    return changetype<F>(0).usesGain();
  }
  @inline usesBias(): bool {
    return changetype<F>(0).usesBias();
  }
  @inline factor(call: Call, rstd: f64): f64 {
    return forwardFactor(changetype<Factors<F>>(0).scale(call), rstd);
  }
  @inline slope(call: Call, rstd: f64, factor: f64): f64 {
    return factor * changetype<Factors<F>>(0).k(call) * rstd;
  }
  @inline of<L>(t: v128, upstream: v128, gain: v128, bias: v128, factor: v128, slope: v128): v128 {
    return changetype<F>(0).y<L>(t, gain, bias, factor, slope);
  }
  @inline less<L>(value: v128, t: v128, viaMean: v128, viaStd: v128): v128 {
    return value;
  }
}
