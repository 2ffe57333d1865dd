/** assembly/precision.ts without what is adaptive: f32 and one f32 for the mean, whatever the row. See statistics.ts. */

export enum Precision {
  Single,
  Split,
  Double,
}

export function precisionOf(single: bool, split: bool): Precision {
  return Precision.Single;
}

export function isConstant(rstd: f64): bool {
  return false;
}

export function forwardFactor(scale: f64, rstd: f64): f64 {
  return scale * rstd;
}

export function backwardRstd(rstd: f64): f64 {
  return rstd;
}

export function rowFitsSingle(rstd: f64): bool {
  return true;
}

export function factorsFitSingle(scale: f64, k: f64): bool {
  return true;
}

@unmanaged
@final
export class GradientFits {
  @inline row(rstd: f64): bool {
    return true;
  }
  @inline scalar(scalar: f64): bool {
    return true;
  }
  @inline outlier(z: f64, k: f64, size: i32): bool {
    return true;
  }
  @inline slope(k: f64, largest: f64): bool {
    return true;
  }
}

export function areOrdinary(means: v128, rstds: v128): bool {
  return true;
}

export function needsSplit(mean: f64, rstd: f64): bool {
  return false;
}
